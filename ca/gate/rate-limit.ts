/** A token bucket per caller: who asks too often waits, the others do not notice. */

export interface RateLimitOptions {
  /** Calls at once. */
  readonly burst: number;
  /** Calls a second in the long run. */
  readonly perSecond: number;
  /** Callers remembered; the one unseen for longest is forgotten, as if it had never called. */
  readonly callersMax: number;
}

interface Bucket {
  level: number;
  at: number;
}

export class RateLimit {
  readonly #options: RateLimitOptions;
  readonly #buckets = new Map<string, Bucket>();

  constructor(options: RateLimitOptions) {
    this.#options = options;
  }

  /** Zero when the call may go on, else seconds to wait. `now` in milliseconds. */
  take(caller: string, now: number): number {
    const bucket = this.#bucketOf(caller, now);
    if (bucket.level >= 1) {
      bucket.level -= 1;
      return 0;
    }
    return Math.max(1, Math.ceil((1 - bucket.level) / this.#options.perSecond));
  }

  #bucketOf(caller: string, now: number): Bucket {
    const { burst, perSecond, callersMax } = this.#options;
    const known = this.#buckets.get(caller);
    const bucket = known ?? { level: burst, at: now };
    bucket.level = Math.min(burst, bucket.level + (Math.max(0, now - bucket.at) / 1_000) * perSecond);
    bucket.at = now;
    this.#buckets.delete(caller);
    if (this.#buckets.size >= callersMax) this.#buckets.delete(this.#buckets.keys().next().value as string);
    this.#buckets.set(caller, bucket);
    return bucket;
  }
}
