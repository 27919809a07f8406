/** Accuses members that it does not monitor: some too far for anybody to hold the accusation, some near, with others between. */
import type { Actor, Behaviour } from "../../actor.js";
import { someOf, tellMost, victimsOf } from "../tools/crowd.js";
import { accusationOf } from "../tools/forgery.js";
import { orderOf } from "../tools/order.js";

/** Few, so that each budget for strangers (rule R9) is met again and again, and not once by a flood. */
const VICTIMS_PER_TURN = 2;

export class StrangerAccuser implements Behaviour {
  readonly name = "stranger-accuser";

  turn(actor: Actor): void {
    const order = orderOf(actor);
    const statements = someOf(actor.chance, victimsOf(actor), VICTIMS_PER_TURN).flatMap((victim) => {
      const strange = order.enabled(victim).filter((ring) => order.last(ring, victim)?.id !== actor.id);
      const ring = actor.chance.pick(strange);
      return ring === undefined ? [] : [accusationOf(actor, victim.id, ring, victim.machine.epoch)];
    });
    tellMost(actor, statements);
  }
}
