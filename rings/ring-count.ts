/** The ring count k of a network, and the number t of false predecessors that it bears (k >= 2t + 1). */

/**
 * Most rings of a network. Each costs every member a hash per member it learns of and a monitored neighbour; 255 bear
 * 35 % Byzantine members among 5,000, which is past the point of running such a network, and keep a mask in 32 bytes.
 */
export const RING_COUNT_MAX = 255;

/** Throws RangeError unless `count` is a whole number in 1..RING_COUNT_MAX. */
export function checkRingCount(count: number): void {
  if (Number.isInteger(count) && count >= 1 && count <= RING_COUNT_MAX) return;
  throw new RangeError(`a network has 1 to ${RING_COUNT_MAX} rings, not ${count}`);
}

/** t = floor((k - 1) / 2): on how many of k rings a member may have Byzantine predecessors, or disable the ring. */
export function tolerance(ringCount: number): number {
  return Math.floor((ringCount - 1) / 2);
}
