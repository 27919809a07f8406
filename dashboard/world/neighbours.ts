/** Who stands next to whom: the order on each ring, of the members that are there. */
import { isThere, type World } from "./world.js";

export interface Neighbours {
  readonly ring: number;
  /** Who monitors the member on this ring; "" when it is alone. */
  readonly predecessor: string;
  /** Whom the member monitors. */
  readonly successor: string;
}

/** The nearest on each ring, of those that are in the view. */
export function neighboursOf(world: World, id: string): readonly Neighbours[] {
  const own = world.members.get(id);
  if (own === undefined) return [];
  const others = [...world.members.values()].filter((each) => each.record.id !== id && isThere(each));
  return Array.from({ length: world.rings }, (_, index) => {
    const from = own.record.positions[index] ?? 0;
    let [predecessor, successor, before, after] = ["", "", Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
    for (const { record } of others) {
      const ahead = ((record.positions[index] ?? 0) - from + CIRCLE) % CIRCLE;
      // Two at one place, in 1/65536 of a circle, are told apart by the member alone: either order is shown.
      const behind = ahead === 0 ? CIRCLE : CIRCLE - ahead;
      if (ahead < after) [successor, after] = [record.id, ahead];
      if (behind < before) [predecessor, before] = [record.id, behind];
    }
    return { ring: index + 1, predecessor, successor };
  });
}

/** Places on a circle. */
export const CIRCLE = 65_536;
