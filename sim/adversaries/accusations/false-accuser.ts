/** Accuses whoever it monitors, on every ring, although they answer; and again after each rebuttal. Spread over all victims. */
import type { Actor, Behaviour } from "../../actor.js";
import { Charges } from "../tools/charges.js";
import { tellMost } from "../tools/crowd.js";
import { orderOf } from "../tools/order.js";

export class FalseAccuser implements Behaviour {
  readonly name = "false-accuser";
  readonly #charges = new Charges();

  turn(actor: Actor): void {
    const order = orderOf(actor);
    const statements = order.all().flatMap((ring) => {
      const victim = order.next(ring, actor);
      return victim?.isCorrect && victim.state === "up" ? this.#charges.next(actor, victim, ring) : [];
    });
    tellMost(actor, statements);
  }
}
