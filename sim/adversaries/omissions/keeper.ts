/** Will not let the dead go: never accuses a correct member that is down, drops what stands against it, and says its old notes again. */
import { type Claim, type Output, parseStatement } from "../../../gossip/index.js";
import type { MemberId } from "../../../rings/index.js";
import type { Actor, Behaviour } from "../../actor.js";
import { tellMost } from "../tools/crowd.js";
import { orderOf } from "../tools/order.js";
import { sendWithout, statementsIn, without } from "../tools/packets.js";

/** Notes remembered, the newest for each member. */
const NOTES_MAX = 20_000;
/** Old notes said again per turn. */
const TOLD_PER_TURN = 50;

export class Keeper implements Behaviour {
  readonly name = "keeper";
  readonly #notes = new Map<MemberId, Uint8Array>();

  start(actor: Actor): void {
    for (const bytes of actor.machine.statements()) this.#remember(bytes);
  }

  turn(actor: Actor): void {
    const dead = [...this.#notes].filter(([id]) => isDead(actor, id)).map(([, note]) => note);
    tellMost(actor, dead.slice(0, TOLD_PER_TURN));
  }

  output(actor: Actor, output: Output): readonly Output[] | undefined {
    return sendWithout(output, (claim) => isAgainstTheDead(actor, claim));
  }

  request(_actor: Actor, _from: MemberId, packet: Uint8Array): undefined {
    for (const bytes of statementsIn(packet)) this.#remember(Uint8Array.from(bytes));
  }

  answer(actor: Actor, _from: MemberId, packet: Uint8Array): Uint8Array {
    return without(packet, (claim) => isAgainstTheDead(actor, claim));
  }

  #remember(bytes: Uint8Array): void {
    const claim = parseStatement(bytes);
    if (claim?.kind === "note" && this.#notes.size < NOTES_MAX) this.#notes.set(claim.note.id, bytes);
  }
}

function isDead(actor: Actor, id: MemberId): boolean {
  const seat = orderOf(actor).seat(id);
  return seat?.isCorrect === true && seat.state === "down";
}

function isAgainstTheDead(actor: Actor, claim: Claim): boolean {
  const id = claim.kind === "accusation" ? claim.accusation.accused : undefined;
  return id !== undefined && isDead(actor, id);
}
