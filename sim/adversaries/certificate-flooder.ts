/** Hands out certificates that the authority gave it, by the hundred: valid, each of an identity that never says anything. */
import type { Actor, Behaviour } from "../actor.js";
import { someOf, victimsOf } from "./crowd.js";
import { certificateStatement, packetOf } from "./forgery.js";

const CERTIFICATES_PER_TURN = 5;
/** In all, for one liar: a simulation is to end, and whoever admits certificates without end has lost in any case. */
const CERTIFICATES_MAX = 1000;
const TOLD = 2;

export class CertificateFlooder implements Behaviour {
  readonly name = "certificate-flooder";
  #issued = 0;

  turn(actor: Actor): void {
    if (this.#issued >= CERTIFICATES_MAX) return;
    this.#issued += CERTIFICATES_PER_TURN;
    const certificates = Array.from({ length: CERTIFICATES_PER_TURN }, () => certificateStatement(actor.recruit()));
    const packet = packetOf(certificates);
    for (const seat of someOf(actor.chance, victimsOf(actor), TOLD)) actor.call(seat, packet);
  }
}
