/**
 * Makes farther liars the victim's predecessors: accuses the correct members between them, each where a liar is its monitor,
 * and at the same moment the victim past them. Nobody concerned is told.
 */
import type { Actor, Behaviour, Seat } from "../../actor.js";
import { Charges } from "../tools/charges.js";
import { commonVictim, tellMost } from "../tools/crowd.js";
import { type Order, orderOf } from "../tools/order.js";

/** Virtual milliseconds for one victim: twice the time of a removal in a LAN. */
const SLOT_MS = 6000;
/** Correct members that are leapt over on one ring, at most. */
const LEAP_MAX = 3;

export class Leapfrog implements Behaviour {
  readonly name = "leapfrog";
  readonly #charges = new Charges();

  turn(actor: Actor): void {
    const victim = commonVictim(actor, SLOT_MS);
    if (!victim) return;
    const order = orderOf(actor);
    const between = new Set<Seat>();
    const statements: Uint8Array[] = [];
    for (const ring of order.enabled(victim)) {
      const before = order.before(ring, victim).slice(0, LEAP_MAX + 1);
      const leaper = before.findIndex(({ isCorrect }) => !isCorrect);
      if (leaper < 0) continue;
      for (const seat of before.slice(0, leaper)) between.add(seat);
      if (before[leaper]?.id === actor.id) statements.push(...this.#charges.next(actor, victim, ring));
    }
    for (const seat of between) statements.push(...this.#chargeOf(order, actor, seat));
    tellMost(actor, statements, [victim, ...between]);
  }

  #chargeOf(order: Order, actor: Actor, victim: Seat): Uint8Array[] {
    if (victim.state !== "up") return [];
    const ring = order.enabled(victim).find((number) => order.last(number, victim)?.id === actor.id);
    return ring === undefined ? [] : this.#charges.next(actor, victim, ring);
  }
}
