/** Figures out of many: the median and what 99 of 100 stay within. */

export interface Quantiles {
  /** Null when nothing was measured. */
  readonly p50: number | null;
  readonly p99: number | null;
}

/** The smallest value that at least this share (0 to 1) of them does not exceed; undefined of none. */
export function quantile(values: readonly number[], share: number): number | undefined {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)];
}

/** Of milliseconds, in seconds with three decimals. */
export function inSeconds(milliseconds: readonly number[]): Quantiles {
  const seconds = (value: number | undefined) => (value === undefined ? null : Math.round(value) / 1_000);
  return { p50: seconds(quantile(milliseconds, 0.5)), p99: seconds(quantile(milliseconds, 0.99)) };
}
