/** What a try that failed says about the member that was tried. */
import type { TryOutcome } from "../../gossip/index.js";
import { DialError, type DialReason } from "../../net/index.js";

/** Of this machine, and not of the member: nothing was sent. */
const MINE: ReadonlySet<DialReason> = new Set(["forbidden", "unresolved", "local", "cancelled"]);

/**
 * Only refusals on direct paths are evidence that nobody listens, and only where every address was tried. A try for which
 * nothing was sent is no evidence. Everything else is silence, which counts beside pings that are not answered either. So is
 * what failed a moment ago ("backoff"): it may have been a refusal of another process, before a restart. And so is a name
 * that is gone, of a member that was there before (`wasReached`), once its last address is forgotten as well
 * (name-memory.ts). Where ways through relays were tried too, a refusal of an address is no evidence: it may be a router's.
 */
export function outcomeOf(error: unknown, wasReached = false): Exclude<TryOutcome, "answered"> {
  if (!(error instanceof DialError)) return "silent";
  if (wasReached && isNameGone(error.reasons)) return "silent";
  const tried = error.reasons.filter((reason) => !MINE.has(reason));
  if (tried.length === 0) return "unable";
  const isForbidden = (reason: DialReason) => reason === "forbidden";
  const isAll = error.reasons.every((reason) => reason === "refused" || isForbidden(reason));
  return isAll ? "refused" : "silent";
}

function isNameGone(reasons: readonly DialReason[]): boolean {
  return reasons.includes("unresolved") && reasons.every((reason) => reason === "unresolved" || reason === "forbidden");
}
