/** How many datagrams of one sender a member's driver looks at: so many per second, and as many at once. */

/** As in client/pings.ts. */
const DATAGRAMS_PER_SECOND = 50;

interface Bucket {
  tokens: number;
  at: number;
}

export class SenderRates {
  readonly #buckets = new Map<number, Bucket>();

  /** True while the sender, by its number, is within its rate. */
  take(sender: number, now: number): boolean {
    const bucket = this.#buckets.get(sender) ?? { tokens: DATAGRAMS_PER_SECOND, at: now };
    const gained = ((now - bucket.at) / 1000) * DATAGRAMS_PER_SECOND;
    bucket.tokens = Math.min(DATAGRAMS_PER_SECOND, bucket.tokens + gained);
    bucket.at = now;
    this.#buckets.set(sender, bucket);
    if (bucket.tokens < 1) return false;
    bucket.tokens -= 1;
    return true;
  }
}
