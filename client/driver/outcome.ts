/** What a try that failed says about the member that was tried. */
import { type PathEnd, type TryOutcome, verdictOf } from "../../gossip/index.js";
import { DialError, type DialReason } from "../../net/index.js";

/** Of this machine, and not of the member: nothing was sent. */
const MINE: ReadonlySet<DialReason> = new Set(["unresolved", "local", "cancelled"]);

/** What is known of the way to a member from before. */
export interface Known {
  /** A session was there, over whatever path. */
  readonly wasReached?: boolean;
  /** It has answered at an address that was dialled here: so a refusal there is its host's word, and no router's. */
  readonly wasDialled?: boolean;
}

/**
 * Refusals are evidence that nobody listens, if they are the host's own (rule R21): at an address where the member has answered
 * before, and only where every address was tried and none is a relay. A try for which nothing was sent is no evidence.
 * Everything else is silence, which counts beside pings that are not answered either. So is what failed a moment ago
 * ("backoff"): it may have been a refusal of another process, before a restart. And so is a name that is gone, of a member that
 * was there before, once its last address is forgotten as well (name-memory.ts).
 */
export function outcomeOf(error: unknown, { wasReached = false, wasDialled = false }: Known = {}): TryOutcome {
  if (!(error instanceof DialError)) return "silent";
  if (wasReached && isNameGone(error.reasons)) return "silent";
  const ends = error.reasons.map((reason): PathEnd => ({ isDirect: wasDialled, end: endOf(reason) }));
  return verdictOf(ends) ?? "silent";
}

function endOf(reason: DialReason): PathEnd["end"] {
  if (reason === "forbidden") return "none";
  if (reason === "refused") return "refused";
  return MINE.has(reason) ? "unable" : "silent";
}

function isNameGone(reasons: readonly DialReason[]): boolean {
  return reasons.includes("unresolved") && reasons.every((reason) => reason === "unresolved" || reason === "forbidden");
}
