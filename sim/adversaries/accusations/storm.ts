/**
 * Accuses everybody on every ring at all times, each by the nearest liar before it: while all correct members stand accused,
 * whoever is between is passed over, so that the farther liars are predecessors too and nobody's rings run out.
 */
import type { Actor, Behaviour, Seat } from "../../actor.js";
import { Charges } from "../tools/charges.js";
import { tellMost, victimsOf } from "../tools/crowd.js";
import { type Order, orderOf } from "../tools/order.js";

/** Accusations of one victim in one turn: enough, because its answer makes all of an epoch void. */
const RINGS_PER_TURN = 2;

export class Storm implements Behaviour {
  readonly name = "storm";
  readonly #charges = new Charges();

  turn(actor: Actor): void {
    const order = orderOf(actor);
    const statements = victimsOf(actor).flatMap((victim) => {
      return order
        .enabled(victim)
        .filter((ring) => isNearestLiar(order, ring, actor, victim))
        .flatMap((ring) => this.#charges.next(actor, victim, ring))
        .slice(0, RINGS_PER_TURN);
    });
    tellMost(actor, statements);
  }
}

function isNearestLiar(order: Order, ring: number, actor: Actor, victim: Seat): boolean {
  return order.before(ring, victim).find(({ isCorrect }) => !isCorrect)?.id === actor.id;
}
