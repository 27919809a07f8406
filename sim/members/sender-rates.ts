/** How many datagrams of one sender a member's driver looks at: so many per second, and as many at once. */
import { type Bucket, fullBucket, refilled, spend } from "../../rings/index.js";

/** As in net/pings/pings.ts. */
const DATAGRAMS_PER_SECOND = 50;
const RATE = { burst: DATAGRAMS_PER_SECOND, refillMs: 1000 / DATAGRAMS_PER_SECOND };

export class SenderRates {
  readonly #buckets = new Map<number, Bucket>();

  /** True while the sender, by its number, is within its rate. */
  take(sender: number, now: number): boolean {
    const held = refilled(this.#buckets.get(sender) ?? fullBucket(RATE, now), RATE, now);
    const left = spend(held, RATE, now);
    this.#buckets.set(sender, left ?? held);
    return left !== undefined;
  }
}
