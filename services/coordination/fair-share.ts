/**
 * How a budget is divided among members by what they ask for: max-min fairness (Bertsekas and Gallager, "Data Networks", 1992, section
 * 6.5). Whoever asks for less than an equal part gets what it asks for, the others share the rest; what nobody asks for is divided
 * equally. All parts together are the budget. A part falls when another member asks for more, and never below the equal part that a
 * member asks for: so one that lies can only take what others do not ask for.
 */

/** The part of the first of these demands, none of them negative. */
export function fairShare(budget: number, mine: number, others: readonly number[]): number {
  const ascending = [mine, ...others].toSorted((a, b) => a - b);
  let left = budget;
  let level = 0;
  for (const [index, demand] of ascending.entries()) {
    const equal = left / (ascending.length - index);
    if (demand >= equal) return Math.min(mine, equal);
    if (index === ascending.length - 1) level = left - demand;
    left -= demand;
  }
  return mine + level / ascending.length;
}
