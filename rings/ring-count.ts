/** The ring count k of a network, and the number t of false predecessors that it bears (k >= 2t + 1). */

/**
 * Most rings of a network. Every member holds a position and monitors a neighbour on each; 1,000 bear 42 % Byzantine members
 * among 5,000, far past the point of running such a network. A mask then has 125 bytes.
 */
export const RING_COUNT_MAX = 1_000;

/** Throws RangeError unless `count` is a whole number in 1..RING_COUNT_MAX. */
export function checkRingCount(count: number): void {
  if (Number.isInteger(count) && count >= 1 && count <= RING_COUNT_MAX) return;
  throw new RangeError(`a network has 1 to ${RING_COUNT_MAX} rings, not ${count}`);
}

/** t = floor((k - 1) / 2): on how many of k rings a member may have Byzantine predecessors, or disable the ring. */
export function tolerance(ringCount: number): number {
  return Math.floor((ringCount - 1) / 2);
}
