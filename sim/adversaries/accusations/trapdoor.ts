/**
 * A liar right before the victim stands in the way of a fellow behind it: the fellow accuses, and is a stranger with a
 * budget. When that is used up the nearer one contradicts itself, and tells the proof to all but the victim: then the
 * unanswered accusation stands.
 */
import type { Actor, Behaviour, Seat } from "../../actor.js";
import { Charges } from "../tools/charges.js";
import { tellMost, victimsOf } from "../tools/crowd.js";
import { contradiction, noteOf } from "../tools/forgery.js";
import { type Order, orderOf } from "../tools/order.js";

/** Virtual milliseconds until the first door opens: longer than four answers take ... */
const FIRST_MS = 12_000;
/** ... and from one to the next, in the order of the liars' numbers: a removal takes less in a LAN. */
const PAUSE_MS = 4000;

export class Trapdoor implements Behaviour {
  readonly name = "trapdoor";
  readonly #charges = new Charges();
  #isOpen = false;

  turn(actor: Actor): void {
    const order = orderOf(actor);
    const place = actor.fellows.indexOf(actor);
    if (!this.#isOpen && actor.now > FIRST_MS + PAUSE_MS * place) this.#open(actor, order);
    const statements = victimsOf(actor).flatMap((victim) => {
      return order
        .enabled(victim)
        .filter((ring) => isBehindFellows(order, ring, actor, victim))
        .flatMap((ring) => this.#charges.next(actor, victim, ring));
    });
    tellMost(actor, statements);
  }

  #open(actor: Actor, order: Order): void {
    this.#isOpen = true;
    const epoch = actor.machine.epoch + 1n;
    const [one, other] = [1, 2].map((byte) => noteOf(actor, { epoch, metadata: Uint8Array.of(byte) }));
    if (!one || !other) return;
    const behind = order.all().flatMap((ring) => order.next(ring, actor) ?? []);
    tellMost(actor, [contradiction(one, other)], behind);
  }
}

/** Only liars stand between the two, and one at least. */
function isBehindFellows(order: Order, ring: number, actor: Actor, victim: Seat): boolean {
  const before = order.before(ring, victim).slice(0, 4);
  const place = before.findIndex(({ id }) => id === actor.id);
  return place > 0 && before.slice(0, place).every(({ isCorrect }) => !isCorrect);
}
