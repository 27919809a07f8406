/** Token buckets of members (rings/buckets.ts) of whom none may be forgotten before it is full again. */
import {
  affordableAt,
  type Bucket,
  type BucketRate,
  fullBucket,
  type MemberId,
  refilled,
  spend,
} from "../rings/index.js";

/** A budget for each member, all at one rate. Full ones are not remembered: everyone begins with a full one. */
export class Budgets {
  readonly #rate: BucketRate;
  readonly #membersMax: number;
  readonly #budgets = new Map<MemberId, Bucket>();

  /** Members beyond `membersMax` have none until others' are full again. */
  constructor(rate: BucketRate, membersMax = Number.POSITIVE_INFINITY) {
    this.#rate = rate;
    this.#membersMax = membersMax;
  }

  affords(id: MemberId, now: number, cost = 1): boolean {
    return this.#left(id, now, cost) !== undefined;
  }

  /** Takes one token, or `cost` of them. False when they are not there. */
  take(id: MemberId, now: number, cost = 1): boolean {
    const left = this.#left(id, now, cost);
    if (left) this.#budgets.set(id, left);
    return left !== undefined;
  }

  /** When the member's next token will be there, or `cost` of them; not after `now` when they are. */
  affordableAt(id: MemberId, now: number, cost = 1): number {
    const budget = this.#budgets.get(id);
    return budget ? affordableAt(budget, this.#rate, cost) : now;
  }

  /** Forgets those that are full again. */
  tidy(now: number): void {
    for (const [id, budget] of this.#budgets) {
      if (refilled(budget, this.#rate, now).tokens >= this.#rate.burst) this.#budgets.delete(id);
    }
  }

  #left(id: MemberId, now: number, cost: number): Bucket | undefined {
    const held = this.#budgets.get(id);
    if (!held && this.#budgets.size >= this.#membersMax) return undefined;
    return spend(held ?? fullBucket(this.#rate, now), this.#rate, now, cost);
  }
}
