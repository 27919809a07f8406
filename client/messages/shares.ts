/**
 * Who may begin one more thing, a handler or a stream, when many members want to. Most places are shared: one member may
 * use all of them while nobody else asks. A reserve is for members that have few or none, so that one that holds all
 * shared places, and never lets go of them, keeps nobody else out.
 */

export interface Places {
  /** For everyone. */
  readonly shared: number;
  /** Beyond those: the first half for members that have few, the second for those that have none. */
  readonly reserved: number;
}

/** The part of the reserve that is "few": enough to work with, and not all of it for the first that come. */
const FEW = 1 / 8;

/**
 * Whether a member that has `mine` of the `all` that are taken may begin one more. `all` never exceeds `shared + reserved`,
 * and a member that has none is refused only while at least half as many others as there are reserved places have some.
 */
export function mayBegin({ shared, reserved }: Places, all: number, mine: number): boolean {
  if (all < shared) return true;
  const used = all - shared;
  if (mine === 0) return used < reserved;
  return mine < reserved * FEW && used < reserved / 2;
}
