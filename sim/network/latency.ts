/** How long packets are under way: a distribution as a table of quantiles, so that no engine's arithmetic matters. */

/** One-way milliseconds at evenly spaced quantiles, the least first, the greatest last; two values at least. */
export type Latency = readonly number[];

/** A data centre: most packets within half a millisecond, one in ten held up by a busy machine. */
export const LAN_LATENCY: Latency = [0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.5, 0.7, 1.2, 4];
/** Members on several continents: half of the links above 50 ms one way. */
export const WAN_LATENCY: Latency = [1, 5, 12, 20, 35, 50, 65, 80, 100, 130, 180];

/** Throws RangeError unless it is a table of quantiles: finite, not negative, never falling. */
export function checkLatency(latency: Latency): void {
  const isTable = latency.length >= 2 && latency.every((ms, index) => ms >= (latency[index - 1] ?? 0) && ms < Infinity);
  if (!isTable) throw new RangeError("a latency is a table of two or more quantiles in milliseconds, never falling");
}

/** The latency at a quantile, 0 <= quantile <= 1: linear between two entries of the table. */
export function latencyAt(latency: Latency, quantile: number): number {
  const place = quantile * (latency.length - 1);
  const below = Math.min(Math.floor(place), latency.length - 2);
  const least = latency[below]!;
  return least + (latency[below + 1]! - least) * (place - below);
}
