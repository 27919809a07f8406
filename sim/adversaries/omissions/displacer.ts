/**
 * Fills the places for accusations of the dead: for each ring the four nearest are held, so liars near a dead member accuse
 * it first, and then make void what they said by a contradiction that silences them.
 */
import type { Actor, Behaviour, Seat } from "../../actor.js";
import { Charges } from "../tools/charges.js";
import { tellMost } from "../tools/crowd.js";
import { contradiction, noteOf } from "../tools/forgery.js";
import { orderOf } from "../tools/order.js";

/** Virtual milliseconds from its accusations to its own end: just before they would remove the dead. */
const UNDONE_MS = 2500;

export class Displacer implements Behaviour {
  readonly name = "displacer";
  readonly #charges = new Charges();
  #isEnding = false;

  turn(actor: Actor): void {
    const order = orderOf(actor);
    const dead = actor.everyone.filter((seat) => isDead(seat));
    const statements = dead.flatMap((seat) => {
      return order
        .enabled(seat)
        .filter((ring) => order.isNear(ring, actor, seat))
        .flatMap((ring) => this.#charges.next(actor, seat, ring));
    });
    tellMost(actor, statements);
    if (statements.length === 0 || this.#isEnding) return;
    this.#isEnding = true;
    actor.after(UNDONE_MS, () => silence(actor));
  }
}

/** Down after it has been up: it has a machine, and an epoch. */
function isDead(seat: Seat): boolean {
  return seat.isCorrect && seat.state === "down" && seat.startedAt < (seat.stoppedAt ?? 0);
}

function silence(actor: Actor): void {
  const epoch = actor.machine.epoch + 1n;
  const [one, other] = [1, 2].map((byte) => noteOf(actor, { epoch, metadata: Uint8Array.of(byte) }));
  if (one && other) tellMost(actor, [contradiction(one, other)]);
}
