/** Hands out certificates that the authority gave it, by the hundred: valid, each of an identity that never says anything. */
import type { Actor, Behaviour } from "../../actor.js";
import { someOf, victimsOf } from "../tools/crowd.js";
import { certificateStatement, packetOf } from "../tools/forgery.js";

/** 20 a second of each liar, until there are CERTIFICATES_PER_MEMBER. */
const CERTIFICATES_PER_TURN = 5;
/**
 * By all liars together, for each member: beyond about ten the dead may stay in views, because nobody correct is left among
 * the accusers that are heard (rule R3; docs/adversaries.md, "Known limits"). Whoever issues that many has lost in any case.
 */
const CERTIFICATES_PER_MEMBER = 8;
/** Members told first hand: they push on what is new. */
const TOLD = 2;

export class CertificateFlooder implements Behaviour {
  readonly name = "certificate-flooder";
  #issued = 0;

  turn(actor: Actor): void {
    const share = (CERTIFICATES_PER_MEMBER * actor.everyone.length) / actor.fellows.length;
    if (this.#issued + CERTIFICATES_PER_TURN > share) return;
    this.#issued += CERTIFICATES_PER_TURN;
    const certificates = Array.from({ length: CERTIFICATES_PER_TURN }, () => certificateStatement(actor.recruit()));
    const packet = packetOf(certificates);
    for (const seat of someOf(actor.chance, victimsOf(actor), TOLD)) actor.call(seat, packet);
  }
}
