/**
 * How many others must hold a message until a correct one is among them, and which: rules as functions of values.
 *
 * With F liars in the network, F + 1 holders are enough, whoever they are. In a large network fewer are, when liars do not choose
 * who they are: the successors of the publisher on its rings are a random draw, so all of h are liars with probability
 * (F / (N - 1))^h at most.
 */
import { RISK_DEFAULT, tolerated } from "../../rings/index.js";

export interface Need {
  /** Holders that suffice, whoever they are. */
  readonly any: number;
  /** Holders that suffice when the rings chose them. */
  readonly drawn: number;
}

/** For a network of so many members, me included, with this ring count. Never more than all others. */
export function holdersNeeded(members: number, rings: number, risk = RISK_DEFAULT): Need {
  const others = members - 1;
  if (others < 1) return { any: 0, drawn: 0 };
  const liars = tolerated({ members, rings, risk }).byzantineMembers;
  const any = Math.min(others, liars + 1);
  const share = liars / others;
  let drawn = 1;
  for (let chance = share; chance > risk && drawn < any; chance *= share) drawn += 1;
  return { any, drawn: Math.min(any, drawn) };
}

/** The highest number that at least `count` of these hold: each holds all up to its own. `none` when there are not so many. */
export function heldByAtLeast(count: number, held: readonly number[], none: number): number {
  if (count === 0) return Number.POSITIVE_INFINITY;
  if (held.length < count) return none;
  return [...held].sort((a, b) => b - a)[count - 1]!;
}
