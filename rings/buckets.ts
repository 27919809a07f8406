/** Token buckets: so many at once, then so many per time. One as a value that its caller keeps, and one for each of many. */

export interface Bucket {
  readonly tokens: number;
  /** Milliseconds, of the clock that the caller goes by. */
  readonly at: number;
}

export interface BucketRate {
  /** Tokens of a full bucket. */
  readonly burst: number;
  /** Milliseconds until one token is back. */
  readonly refillMs: number;
}

export function fullBucket(rate: BucketRate, now: number): Bucket {
  return { tokens: rate.burst, at: now };
}

/** A clock that goes back brings nothing. */
export function refilled(bucket: Bucket, rate: BucketRate, now: number): Bucket {
  const tokens = Math.min(rate.burst, bucket.tokens + Math.max(0, now - bucket.at) / rate.refillMs);
  return { tokens, at: Math.max(now, bucket.at) };
}

/** The bucket after taking `cost` tokens; undefined when it does not hold them. */
export function spend(bucket: Bucket, rate: BucketRate, now: number, cost = 1): Bucket | undefined {
  const { tokens, at } = refilled(bucket, rate, now);
  // A bucket that was filled by small steps may miss the whole number by a rounding error.
  return tokens + 1e-9 >= cost ? { tokens: tokens - cost, at } : undefined;
}

/** When `cost` tokens will be there. */
export function affordableAt(bucket: Bucket, rate: BucketRate, cost = 1): number {
  return bucket.at + Math.max(0, cost - bucket.tokens) * rate.refillMs;
}

/** One for each caller, all at one rate. The caller unseen for longest is forgotten first, and begins with a full one again. */
export class Buckets<K> {
  readonly #rate: BucketRate;
  readonly #callersMax: number;
  readonly #buckets = new Map<K, Bucket>();

  /** `callersMax`: callers remembered. */
  constructor(rate: BucketRate, callersMax: number) {
    this.#rate = rate;
    this.#callersMax = callersMax;
  }

  /** Takes one token: milliseconds until there is one, 0 when it was taken. A clock that is put back counts on from there. */
  take(caller: K, now: number): number {
    const before = this.#buckets.get(caller) ?? fullBucket(this.#rate, now);
    const held = { ...refilled(before, this.#rate, now), at: now };
    const left = spend(held, this.#rate, now);
    this.#buckets.delete(caller);
    if (this.#buckets.size >= this.#callersMax) this.#buckets.delete(this.#buckets.keys().next().value as K);
    this.#buckets.set(caller, left ?? held);
    return left === undefined ? affordableAt(held, this.#rate) - now : 0;
  }
}
