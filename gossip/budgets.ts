/** A budget for each member, all at one rate. Full ones are not remembered: everyone begins with a full one. */
import type { MemberId } from "../rings/index.js";
import { affordableAt, type Budget, type BudgetRate, fullBudget, refilled, spend } from "./budget.js";

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
