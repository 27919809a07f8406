/**
 * Accuses the one that it monitors and tells everybody but the accused: in packets so long that nobody takes them for news
 * and hands them on. Its pings and pongs bear the fingerprint of whoever reads them, so that nobody asks it what it knows.
 */
import { NEWS_STATEMENTS_MAX } from "../../../gossip/limits.js";
import type { MemberId } from "../../../rings/index.js";
import type { Actor, Behaviour } from "../../actor.js";
import { Charges } from "../tools/charges.js";
import { tellMost } from "../tools/crowd.js";
import { noteOf, noteStatement } from "../tools/forgery.js";
import { orderOf } from "../tools/order.js";

/** Virtual milliseconds between two of its accusations. */
const PAUSE_MS = 6000;

export class Whisperer implements Behaviour {
  readonly name = "whisperer";
  readonly #charges = new Charges();
  #nextAt = 0;
  #ring = 0;

  start(actor: Actor): void {
    this.#nextAt = actor.now + PAUSE_MS * actor.chance.number();
  }

  turn(actor: Actor): void {
    if (actor.now < this.#nextAt) return;
    this.#nextAt = actor.now + PAUSE_MS;
    const order = orderOf(actor);
    for (let tried = 0; tried < order.ringCount; tried++) {
      this.#ring = (this.#ring % order.ringCount) + 1;
      const victim = order.next(this.#ring, actor);
      if (!victim?.isCorrect || victim.state !== "up") continue;
      const charge = this.#charges.next(actor, victim, this.#ring);
      if (charge.length === 0) continue;
      const padding = noteStatement(noteOf(actor, { epoch: actor.machine.epoch }));
      tellMost(actor, [...charge, ...new Array<Uint8Array>(NEWS_STATEMENTS_MAX + 1).fill(padding)], [victim]);
      return;
    }
  }

  fingerprint(actor: Actor, to: MemberId): Uint8Array | undefined {
    const seat = orderOf(actor).seat(to);
    return seat && seat.state !== "down" ? seat.machine.fingerprint() : undefined;
  }
}
