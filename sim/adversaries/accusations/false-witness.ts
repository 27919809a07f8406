/**
 * Tells every correct member again and again that it stands accused (rule R20): on all its rings in turn, by datagrams and
 * by calls. Words cost their hearer a note at the pace for strangers, whoever says them and however often.
 */
import { encodePacket } from "../../../gossip/index.js";
import type { Actor, Behaviour } from "../../actor.js";
import { someOf, victimsOf } from "../tools/crowd.js";

/** Members that one liar tells by datagram in one turn, and that it calls: within its rates, and all of them soon. */
const PER_TURN = { datagrams: 12, calls: 4 };

export class FalseWitness implements Behaviour {
  readonly name = "false-witness";
  #turns = 0;

  turn(actor: Actor): void {
    this.#turns += 1;
    const ring = (this.#turns % actor.ringCount) + 1;
    const victims = someOf(actor.chance, victimsOf(actor), PER_TURN.datagrams);
    for (const victim of victims) actor.summon(victim, ring, victim.machine.epoch);
    for (const victim of victims.slice(0, PER_TURN.calls)) {
      actor.call(victim, encodePacket([{ kind: "summons", ring, epoch: victim.machine.epoch }]));
    }
  }
}
