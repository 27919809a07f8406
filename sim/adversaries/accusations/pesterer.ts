/**
 * Keeps the victim's epoch spinning: unsigned words that it is gone, and accusations by strangers, each good for one answer.
 * Right after an answer, while the next one has to wait (rule R9), the liars that monitor it accuse it in earnest.
 */
import { encodePacket } from "../../../gossip/index.js";
import type { Actor, Behaviour } from "../../actor.js";
import { Charges } from "../tools/charges.js";
import { commonVictim, tellMost } from "../tools/crowd.js";
import { orderOf } from "../tools/order.js";

/** Virtual milliseconds for one victim. */
const SLOT_MS = 30_000;
/** Of that, before the first accusation in earnest: the budgets of the others for its notes are to be empty (rule R11). */
const WARM_UP_MS = 15_000;

export class Pesterer implements Behaviour {
  readonly name = "pesterer";
  readonly #charges = new Charges();

  turn(actor: Actor): void {
    const victim = commonVictim(actor, SLOT_MS);
    if (!victim) return;
    actor.call(victim, encodePacket([{ kind: "gone", epoch: victim.machine.epoch }]));
    const order = orderOf(actor);
    const isWarm = actor.now % SLOT_MS > WARM_UP_MS;
    const rings = order.enabled(victim).filter((ring) => (order.last(ring, victim)?.id === actor.id) === isWarm);
    const ring = actor.chance.pick(rings);
    if (ring !== undefined) tellMost(actor, this.#charges.next(actor, victim, ring), isWarm ? [victim] : []);
  }
}
