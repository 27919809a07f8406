/**
 * Drops everything about one victim from all that it passes on and answers, and answers the victim itself as if there was
 * nothing to say: its notes and rebuttals come no further, and what stands against it does not come to it.
 */
import type { Output } from "../../../gossip/index.js";
import { encodePacket } from "../../../gossip/index.js";
import { subjectOf } from "../../../gossip/records/statement.js";
import type { MemberId } from "../../../rings/index.js";
import type { Actor, Behaviour } from "../../actor.js";
import { commonVictim } from "../tools/crowd.js";
import { sendWithout, without } from "../tools/packets.js";

/** Virtual milliseconds for one victim: as many as the mob takes, so that both meet the same one. */
const SLOT_MS = 8000;

export class Censor implements Behaviour {
  readonly name = "censor";

  output(actor: Actor, output: Output): readonly Output[] | undefined {
    const id = commonVictim(actor, SLOT_MS)?.id;
    if (output.kind === "send" && output.to.id === id) return [];
    return sendWithout(output, (claim) => subjectOf(claim) === id);
  }

  /** An empty answer says: our ranges are equal. */
  request(actor: Actor, from: MemberId): Uint8Array | undefined {
    return from === commonVictim(actor, SLOT_MS)?.id ? encodePacket([]) : undefined;
  }

  answer(actor: Actor, _from: MemberId, packet: Uint8Array): Uint8Array {
    const id = commonVictim(actor, SLOT_MS)?.id;
    return without(packet, (claim) => subjectOf(claim) === id);
  }
}
