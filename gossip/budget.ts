/** A token bucket: so many at once, then so many per time. Pure values; the caller keeps them. */

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
