/** Whom liars choose: their victims, those they tell, and who of them leads. */

import type { Actor, Seat } from "../../actor.js";
import type { Chance } from "../../chance.js";
import { packetOf } from "./forgery.js";

/** In networks up to this size a liar tells everybody itself; in larger ones so many, and the others hear of it from them. */
const TOLD_MAX = 64;

/** The correct members that are up, by number. */
export function victimsOf(actor: Actor): Seat[] {
  return actor.everyone.filter((seat) => seat.isCorrect && seat.state === "up");
}

/** One victim for all liars at once; another one in the next slot of so many milliseconds. */
export function commonVictim(actor: Actor, slotMs: number): Seat | undefined {
  const victims = victimsOf(actor);
  return victims[Math.floor(actor.now / slotMs) % Math.max(1, victims.length)];
}

/** The liar that acts when one of them is to act for all. */
export function isLeader(actor: Actor): boolean {
  return actor.fellows.find(({ state }) => state === "up") === actor;
}

/** So many different ones, drawn by chance. */
export function someOf<T>(chance: Chance, items: readonly T[], count: number): T[] {
  if (count >= items.length) return [...items];
  const left = [...items];
  const found: T[] = [];
  while (found.length < count) found.push(...left.splice(chance.below(left.length), 1));
  return found;
}

/** Tells correct members, first hand, all but those in `except`. */
export function tellMost(actor: Actor, statements: readonly Uint8Array[], except: readonly Seat[] = []): void {
  if (statements.length === 0) return;
  const packet = packetOf(statements);
  const others = victimsOf(actor).filter((seat) => !except.includes(seat));
  for (const seat of someOf(actor.chance, others, TOLD_MAX)) actor.call(seat, packet);
}
