/**
 * Whose certificates end in a run, by its plan: a member's dates are there before anything happens. Correct members are
 * numbered as faults count them.
 */
import { CLOCK_TOLERANCE_MS } from "../../gossip/index.js";
import type { Seat } from "../actor.js";
import type { Dates } from "../crypto/crypto.js";
import { WALL_START } from "../dates.js";
import type { Plan } from "./plan.js";

/** Faults leave so many correct members up: of fewer there is nothing to say. */
export const CORRECT_UP_MIN = 2;
/** How long such a certificate was good: a day, as of an authority with short ones. Milliseconds. */
const LIFE_MS = 86_400_000;

/** When the certificates of these correct members end, milliseconds after the beginning, with the tolerated difference. */
export function endings({ members, byzantine, faults }: Plan): ReadonlyMap<number, number> {
  const correct = members - byzantine;
  const ends = new Map<number, number>();
  for (const fault of faults) {
    if (fault.kind !== "expire" || ends.size >= correct - CORRECT_UP_MIN) continue;
    const member = fault.member % correct;
    ends.set(member, Math.min(fault.at, ends.get(member) ?? fault.at));
  }
  return ends;
}

/** To be asked once about each member, in their order. */
export function firstDates(plan: Plan): (seat: Seat) => Dates | undefined {
  const ends = endings(plan);
  let correct = 0;
  return ({ isCorrect }) => {
    const end = isCorrect ? ends.get(correct++) : undefined;
    if (end === undefined) return undefined;
    const notAfter = WALL_START + end - CLOCK_TOLERANCE_MS;
    return { notBefore: notAfter - LIFE_MS, notAfter };
  };
}
