/** Hundreds of accusations a second that are well-formed and well-signed, and that never stand: of all, on all rings. */
import type { Actor, Behaviour } from "../../actor.js";
import { someOf, victimsOf } from "../tools/crowd.js";
import { accusationOf, packetOf } from "../tools/forgery.js";
import { orderOf } from "../tools/order.js";

/** Accused on all k rings, four turns a second: hundreds of signatures a second. */
const VICTIMS_PER_TURN = 4;
/** Members told first hand: they push on what is new. */
const TOLD = 2;
/** A packet of more would be cut (gossip/limits.ts). */
const STATEMENTS_MAX = 500;

export class AccusationFlooder implements Behaviour {
  readonly name = "accusation-flooder";

  turn(actor: Actor): void {
    const order = orderOf(actor);
    const victims = victimsOf(actor);
    const statements = someOf(actor.chance, victims, VICTIMS_PER_TURN).flatMap((victim) => {
      return order.enabled(victim).map((ring) => accusationOf(actor, victim.id, ring, victim.machine.epoch));
    });
    const packet = packetOf(statements.slice(0, STATEMENTS_MAX));
    for (const seat of someOf(actor.chance, victims, TOLD)) actor.call(seat, packet);
  }
}
