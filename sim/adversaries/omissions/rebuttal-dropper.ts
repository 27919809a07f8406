/** Passes accusations on, and no note of a correct member: no answer comes through it. */
import type { Claim, Output } from "../../../gossip/index.js";
import type { MemberId } from "../../../rings/index.js";
import type { Actor, Behaviour } from "../../actor.js";
import { orderOf } from "../tools/order.js";
import { sendWithout, without } from "../tools/packets.js";

export class RebuttalDropper implements Behaviour {
  readonly name = "rebuttal-dropper";

  output(actor: Actor, output: Output): readonly Output[] | undefined {
    return sendWithout(output, (claim) => isAnswer(actor, claim));
  }

  answer(actor: Actor, _from: MemberId, packet: Uint8Array): Uint8Array {
    return without(packet, (claim) => isAnswer(actor, claim));
  }
}

function isAnswer(actor: Actor, claim: Claim): boolean {
  const id = claim.kind === "note" ? claim.note.id : undefined;
  return id !== undefined && orderOf(actor).seat(id)?.isCorrect === true;
}
