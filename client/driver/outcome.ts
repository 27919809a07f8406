/** What a try that failed says about the member that was tried. */
import type { TryOutcome } from "../../gossip/index.js";
import { DialError, type DialReason } from "../../net/index.js";

/**
 * Only a refusal on a direct path is evidence that nobody listens. A try that was not made, for a reason of this machine, is
 * no evidence. Everything else is silence, which counts beside pings that are not answered either.
 */
const OUTCOMES: Readonly<Record<DialReason, Exclude<TryOutcome, "answered">>> = {
  refused: "refused",
  "no-route": "silent",
  timeout: "silent",
  handshake: "silent",
  // What failed a moment ago: it may have been a refusal of another process, before a restart.
  backoff: "silent",
  forbidden: "unable",
  unresolved: "unable",
  local: "unable",
  cancelled: "unable",
};

export function outcomeOf(error: unknown): Exclude<TryOutcome, "answered"> {
  return error instanceof DialError ? OUTCOMES[error.reason] : "silent";
}
