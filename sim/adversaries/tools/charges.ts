/** Which accusations a liar has made already: one for each epoch of a victim and ring, so again after each rebuttal. */
import { isEnabled } from "../../../rings/index.js";
import type { Actor, Seat } from "../../actor.js";
import { accusationOf } from "./forgery.js";

export class Charges {
  readonly #made = new Map<string, bigint>();

  /** The accusation of the victim's present epoch, unless it was made, or the victim has disabled the ring. */
  next(actor: Actor, victim: Seat, ring: number): Uint8Array[] {
    const { epoch, mask } = victim.machine;
    const key = `${ring} ${victim.number}`;
    if (this.#made.get(key) === epoch || !isEnabled(mask, ring)) return [];
    this.#made.set(key, epoch);
    return [accusationOf(actor, victim.id, ring, epoch)];
  }
}
