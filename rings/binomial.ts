/** The upper tail of the binomial distribution, down to the smallest probabilities that a double holds. */

/**
 * P[Binomial(trials, probability) > threshold]. `trials` and `threshold` are whole numbers, 0 <= probability <= 1.
 *
 * Sums the side of the threshold that does not hold the mean: its terms fall from the first one on, so that none underflows
 * that matters, and a tail of 1e-30 comes out as such rather than as a difference from 1.
 */
export function binomialTail(trials: number, probability: number, threshold: number): number {
  if (threshold < 0) return 1;
  if (threshold >= trials || probability === 0) return 0;
  if (probability === 1) return 1;
  if (threshold + 1 > trials * probability) return fallingSum(trials, probability, threshold + 1);
  return 1 - fallingSum(trials, 1 - probability, trials - threshold);
}

/** P[Binomial(trials, probability) >= first], for `first` above the mean: each term is the one before times its ratio to it. */
function fallingSum(trials: number, probability: number, first: number): number {
  const odds = probability / (1 - probability);
  let term = Math.exp(logTerm(trials, probability, first));
  let sum = 0;
  for (let count = first; count <= trials; count++) {
    sum += term;
    term *= ((trials - count) / (count + 1)) * odds;
  }
  return sum;
}

/** ln P[Binomial(trials, probability) = count]: as logarithms, because the factors overflow and underflow by themselves. */
function logTerm(trials: number, probability: number, count: number): number {
  let log = count * Math.log(probability) + (trials - count) * Math.log1p(-probability);
  for (let step = 1; step <= count; step++) log += Math.log((trials - count + step) / step);
  return log;
}
