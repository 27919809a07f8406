/** Shows newcomers a network of liars only: certificates and notes of its fellows, and nothing else. */
import { encodePacket, parseStatement } from "../../../gossip/index.js";
import type { MemberId } from "../../../rings/index.js";
import type { Actor, Behaviour } from "../../actor.js";
import { certificateStatement } from "../tools/forgery.js";
import { orderOf } from "../tools/order.js";

/** How long a member counts as a newcomer, virtual milliseconds. */
const NEW_MS = 20_000;
/** The fellows' notes are looked up again after this long, virtual milliseconds. */
const STALE_MS = 5000;

export class Eclipser implements Behaviour {
  readonly name = "eclipser";
  #answer = new Uint8Array(0);
  #madeAt = Number.NEGATIVE_INFINITY;

  request(actor: Actor, from: MemberId): Uint8Array | undefined {
    const seat = orderOf(actor).seat(from);
    const isNew = seat?.isCorrect && seat.startedAt > 0 && actor.now - seat.startedAt < NEW_MS;
    return isNew ? this.#world(actor) : undefined;
  }

  #world(actor: Actor): Uint8Array {
    if (actor.now - this.#madeAt < STALE_MS) return this.#answer;
    this.#madeAt = actor.now;
    const ids = new Set<MemberId>(actor.fellows.map(({ id }) => id));
    const notes = actor.machine.statements().filter((bytes) => {
      const claim = parseStatement(bytes);
      const id = claim?.kind === "note" ? claim.note.id : undefined;
      return id !== undefined && ids.has(id);
    });
    const statements = [...actor.fellows.map(certificateStatement), ...notes];
    this.#answer = Uint8Array.from(encodePacket(statements.map((bytes) => ({ kind: "statement", bytes }))));
    return this.#answer;
  }
}
