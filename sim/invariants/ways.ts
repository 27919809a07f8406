/** Ways from one member to another, over members that speak with each other. */

/** With whom somebody speaks. */
export type NextTo<T> = (somebody: T) => readonly T[];

/**
 * Do two ways lead from one to the other that share nobody in between? With one way less a single member, or a single link,
 * may hold up all that either hears of the other (Menger: so many ways as it takes members to part the two).
 */
export function haveTwoWays<T>(from: T, to: T, nextTo: NextTo<T>): boolean {
  const way = shortestWay(from, to, nextTo);
  if (!way) return false;
  const between = way.slice(1, -1);
  if (between.length === 0) return shortestWay(from, to, withoutLink(from, to, nextTo)) !== undefined;
  return between.every((member) => shortestWay(from, to, without(member, nextTo)) !== undefined);
}

/** Both ends included; undefined when there is none. */
export function shortestWay<T>(from: T, to: T, nextTo: NextTo<T>): T[] | undefined {
  const before = new Map<T, T>();
  const reached = [from];
  for (const member of reached) {
    if (member === to) return wayTo(from, to, before);
    for (const next of nextTo(member)) {
      if (next === from || before.has(next)) continue;
      before.set(next, member);
      reached.push(next);
    }
  }
  return undefined;
}

function wayTo<T>(from: T, to: T, before: ReadonlyMap<T, T>): T[] {
  const way = [to];
  for (let last = to; last !== from; way.unshift(last)) last = before.get(last) as T;
  return way;
}

function without<T>(member: T, nextTo: NextTo<T>): NextTo<T> {
  return (somebody) => nextTo(somebody).filter((next) => next !== member);
}

function withoutLink<T>(from: T, to: T, nextTo: NextTo<T>): NextTo<T> {
  return (somebody) => (somebody === from ? nextTo(somebody).filter((next) => next !== to) : nextTo(somebody));
}
