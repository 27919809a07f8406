/** Token buckets: so many at once, then so many per time. One as a value that its caller keeps, and one for each member. */
import type { MemberId } from "../rings/index.js";

export interface Budget {
  readonly tokens: number;
  readonly at: number;
}

export interface BudgetRate {
  /** Tokens of a full bucket. */
  readonly burst: number;
  /** Milliseconds until one token is back. */
  readonly refillMs: number;
}

export function fullBudget(rate: BudgetRate, now: number): Budget {
  return { tokens: rate.burst, at: now };
}

export function refilled(budget: Budget, rate: BudgetRate, now: number): Budget {
  const tokens = Math.min(rate.burst, budget.tokens + Math.max(0, now - budget.at) / rate.refillMs);
  return { tokens, at: Math.max(now, budget.at) };
}

/** The bucket after taking `cost` tokens; undefined when it does not hold them. */
export function spend(budget: Budget, rate: BudgetRate, now: number, cost = 1): Budget | undefined {
  const { tokens, at } = refilled(budget, rate, now);
  // A bucket that was filled by small steps may miss the whole number by a rounding error.
  return tokens + 1e-9 >= cost ? { tokens: tokens - cost, at } : undefined;
}

/** When `cost` tokens will be there. */
export function affordableAt(budget: Budget, rate: BudgetRate, cost = 1): number {
  return budget.at + Math.max(0, cost - budget.tokens) * rate.refillMs;
}

/** A budget for each member, all at one rate. Full ones are not remembered: everyone begins with a full one. */
export class Budgets {
  readonly #rate: BudgetRate;
  readonly #membersMax: number;
  readonly #budgets = new Map<MemberId, Budget>();

  /** Members beyond `membersMax` have none until others' are full again. */
  constructor(rate: BudgetRate, membersMax = Number.POSITIVE_INFINITY) {
    this.#rate = rate;
    this.#membersMax = membersMax;
  }

  affords(id: MemberId, now: number, cost = 1): boolean {
    return this.#left(id, now, cost) !== undefined;
  }

  /** Takes one token. False when there is none. */
  take(id: MemberId, now: number): boolean {
    const left = this.#left(id, now, 1);
    if (left) this.#budgets.set(id, left);
    return left !== undefined;
  }

  /** When the member's next token will be there; not after `now` when it is. */
  affordableAt(id: MemberId, now: number): number {
    const budget = this.#budgets.get(id);
    return budget ? affordableAt(budget, this.#rate) : now;
  }

  /** Forgets those that are full again. */
  tidy(now: number): void {
    for (const [id, budget] of this.#budgets) {
      if (refilled(budget, this.#rate, now).tokens >= this.#rate.burst) this.#budgets.delete(id);
    }
  }

  #left(id: MemberId, now: number, cost: number): Budget | undefined {
    const held = this.#budgets.get(id);
    if (!held && this.#budgets.size >= this.#membersMax) return undefined;
    return spend(held ?? fullBudget(this.#rate, now), this.#rate, now, cost);
  }
}
