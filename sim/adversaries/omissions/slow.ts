/** Answers every call just before its caller would give up. */
import { CALL_TIMEOUT_MS } from "../../../gossip/index.js";
import type { Behaviour } from "../../actor.js";

/** Virtual milliseconds before the deadline: enough for the way back. */
const SPARE_MS = 100;

export class Slow implements Behaviour {
  readonly name = "slow";

  lateBy(): number {
    return CALL_TIMEOUT_MS - SPARE_MS;
  }
}
