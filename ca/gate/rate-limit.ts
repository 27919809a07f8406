/** A token bucket per caller: who asks too often waits, the others do not notice. */
import { Buckets } from "../../rings/index.js";

export interface RateLimitOptions {
  /** Calls at once. */
  readonly burst: number;
  /** Calls a second in the long run. */
  readonly perSecond: number;
  /** Callers remembered; the one unseen for longest is forgotten, as if it had never called. */
  readonly callersMax: number;
}

export class RateLimit {
  readonly #buckets: Buckets<string>;

  constructor({ burst, perSecond, callersMax }: RateLimitOptions) {
    this.#buckets = new Buckets({ burst, refillMs: 1_000 / perSecond }, callersMax);
  }

  /** Zero when the call may go on, else whole seconds to wait. `now` in milliseconds. */
  take(caller: string, now: number): number {
    return Math.ceil(this.#buckets.take(caller, now) / 1_000);
  }
}
