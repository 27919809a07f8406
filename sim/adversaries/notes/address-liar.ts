/** Its notes say that it is reached where somebody else is: whoever calls or pings it knocks at that one's door. */
import { TRANSPORT_GRPC, TRANSPORT_PING } from "../../../gossip/index.js";
import type { Actor, Behaviour } from "../../actor.js";
import { commonVictim, tellMost } from "../tools/crowd.js";
import { noteOf, noteStatement } from "../tools/forgery.js";

/** Virtual milliseconds between two such notes: its machine answers each of them with the truth, as for a stolen key. */
const PAUSE_MS = 1000;
/** Virtual milliseconds for which its notes point at one victim. */
const SLOT_MS = 60_000;

export class AddressLiar implements Behaviour {
  readonly name = "address-liar";
  #nextAt = 1000;

  turn(actor: Actor): void {
    if (actor.now < this.#nextAt) return;
    this.#nextAt = actor.now + PAUSE_MS;
    const victim = commonVictim(actor, SLOT_MS);
    if (!victim) return;
    const text = `${victim.name}:1`;
    const addresses = [TRANSPORT_GRPC, TRANSPORT_PING].map((transport) => ({ transport, text }));
    tellMost(actor, [noteStatement(noteOf(actor, { addresses }))]);
  }
}
