/** Seeded randomness (sfc32): the same numbers from the same seed on every machine. Not for secrets. */
import type { Random } from "../gossip/index.js";

/** Numbers thrown away first, so that near seeds part. */
const WARM_UP = 15;
const TWO_32 = 4_294_967_296;

export class Chance implements Random {
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;

  /** `seed` and `stream` are whole numbers, 0 to 2^32 - 1; other streams of one seed are independent of it. */
  constructor(seed: number, stream = 0) {
    this.#a = seed | 0;
    this.#b = stream | 0;
    this.#c = 0x9e3779b9 | 0;
    for (let round = 0; round < WARM_UP; round++) this.uint32();
  }

  uint32(): number {
    const sum = (((this.#a + this.#b) | 0) + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (this.#c << 21) | (this.#c >>> 11);
    this.#c = (this.#c + sum) | 0;
    return sum >>> 0;
  }

  /** Uniform in [0, 1). */
  number(): number {
    return this.uint32() / TWO_32;
  }

  nonce(): bigint {
    return (BigInt(this.uint32()) << 32n) | BigInt(this.uint32());
  }

  /** Uniform whole number, 0 to below - 1; 0 when below is 0. */
  below(below: number): number {
    return Math.floor(this.number() * below);
  }

  /** True with this probability. Draws nothing when the answer is certain. */
  happens(probability: number): boolean {
    return probability > 0 && (probability >= 1 || this.number() < probability);
  }

  pick<T>(items: readonly T[]): T | undefined {
    return items[this.below(items.length)];
  }

  /** Uniform whole number, min to max, both included. */
  between(min: number, max: number): number {
    return min + this.below(max - min + 1);
  }

  /** The items in another order, each order as likely (Fisher and Yates). */
  shuffled<T>(items: readonly T[]): T[] {
    const mixed = [...items];
    for (let last = mixed.length - 1; last > 0; last--) {
      const other = this.below(last + 1);
      [mixed[last], mixed[other]] = [mixed[other]!, mixed[last]!];
    }
    return mixed;
  }

  /** A stream of its own, drawn from this one. */
  fork(): Chance {
    return new Chance(this.uint32(), this.uint32());
  }
}
