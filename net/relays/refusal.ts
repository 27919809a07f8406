/** A relay's refusal as an error: a code, and when to ask again. It is the relay's word, and no evidence of anything. */
import { type ErrorCode, FirefliesError } from "../../identity/index.js";
import { RETRY_MS } from "./limits.js";
import type { Refusal } from "./messages.js";

const CODES: Readonly<Record<Refusal["why"], ErrorCode>> = {
  declined: "relay-declined",
  full: "relay-full",
  absent: "relay-absent",
};

const TEXTS: Readonly<Record<Refusal["why"], string>> = {
  declined: "relays for nobody",
  full: "has reached one of its limits",
  absent: "says that the member has no reservation there, or is not connected to it",
};

/** "relay-declined", "relay-full" or "relay-absent". */
export class RelayRefusal extends FirefliesError {
  readonly why: Refusal["why"];
  /** The relay may be asked again in so many milliseconds. */
  readonly retryMs: number;

  /** `relay`: its title in a sentence. */
  constructor(relay: string, { why, retryMs }: Refusal) {
    super(CODES[why], `${relay} ${TEXTS[why]}. It may be asked again in ${Math.ceil(retryMs / 1000)} s.`);
    this.why = why;
    this.retryMs = retryMs;
  }
}

export function refused(why: Refusal["why"], retryMs = RETRY_MS): Refusal {
  return { kind: "refused", why, retryMs };
}
