/** All liars at once against one victim, on every ring on which they stand anywhere near it; then against the next one. */
import type { Actor, Behaviour } from "../../actor.js";
import { Charges } from "../tools/charges.js";
import { commonVictim, tellMost } from "../tools/crowd.js";
import { orderOf } from "../tools/order.js";

/** Virtual milliseconds for one victim: longer than a removal takes. */
const SLOT_MS = 8000;

export class Mob implements Behaviour {
  readonly name = "mob";
  readonly #charges = new Charges();

  turn(actor: Actor): void {
    const victim = commonVictim(actor, SLOT_MS);
    if (!victim) return;
    const order = orderOf(actor);
    const rings = order.enabled(victim).filter((ring) => order.isNear(ring, actor, victim));
    tellMost(
      actor,
      rings.flatMap((ring) => this.#charges.next(actor, victim, ring)),
    );
  }
}
