/**
 * What goes on in any network: every so often a correct member goes, by turns with a goodbye and without, another one joins,
 * and a third one describes itself anew. Liars find newcomers to accuse and to deceive, dead ones to keep, changes to drop.
 */
import { correctOf } from "./run.mjs";

/** A removal takes half of that at most: who is in a view after this long, milliseconds, was kept there. */
const KEPT_MS = 20_000;

export class Life {
  /** Who has gone, and when. */
  gone = new Map();
  #simulation;
  #turned;
  #everyMs;
  #count = 0;

  /** A turn every `everyMs`, the first one after `delayMs` and half of that. Calls `turned` with who goes and who joins. */
  constructor(simulation, { everyMs, delayMs = 0 }, turned) {
    this.#simulation = simulation;
    this.#everyMs = everyMs;
    this.#turned = turned;
    simulation.at(delayMs + everyMs / 2, () => this.#turn());
  }

  /** Who went long enough ago, and how many of these are live in a view of a correct member. */
  kept() {
    const { now } = this.#simulation;
    const ids = [...this.gone].filter(([, at]) => at < now - KEPT_MS).map(([id]) => id);
    const views = correctOf(this.#simulation).filter((seat) => seat.state === "up" && !this.gone.has(seat.id));
    const kept = ids.filter((id) => views.some(({ machine }) => machine.member(id)));
    return { kept: kept.length, of: ids.length };
  }

  #turn() {
    const simulation = this.#simulation;
    this.#count += 1;
    const stay = correctOf(simulation).filter((seat) => seat.state === "up" && !this.gone.has(seat.id));
    const pick = (offset) => stay[(this.#count * 7919 + offset) % stay.length];
    const [goer, describer] = [pick(0), pick(1)];
    this.gone.set(goer.id, simulation.now);
    if (this.#count % 2 === 0) simulation.crash(goer);
    else simulation.leave(goer);
    simulation.describe(describer, Uint8Array.of(this.#count & 255, this.#count >> 8));
    this.#turned(goer, simulation.join());
    simulation.at(this.#everyMs, () => this.#turn());
  }
}
