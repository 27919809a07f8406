/**
 * False accusations: a correct member accuses a correct one that is up, has been up for a while, and was within reach. They
 * harm nobody as long as they are rebutted in time, but each costs a note and a ring. Those that liars sign are not counted.
 */
import { parseAccusation } from "../../gossip/index.js";
import type { Seat, SimEvent, StatementKind, Watcher } from "../actor.js";
import { Links } from "../invariants/links.js";
import { aftermathMs } from "../invariants/stops.js";
import { type Watched, watchedOf } from "../invariants/watched.js";
import type { Simulation } from "../simulation.js";

export class FalseAccusations implements Watcher {
  #links = new Links(0);
  #watched: Watched | undefined;
  #count = 0;

  /** The simulation that it was given to as a watcher; to be called before that runs. */
  attach(simulation: Simulation): void {
    this.#watched = watchedOf(simulation);
    this.#links = new Links(simulation.settings.deltaMs);
    this.#remember(this.#watched);
  }

  get count(): number {
    return this.#count;
  }

  signed(seat: Seat, type: StatementKind, body: Uint8Array, now: number): void {
    const watched = this.#watched;
    const accusation = watched && type === "accusation" && seat.isCorrect ? parseAccusation(body) : undefined;
    const accused = accusation && watched?.seat(accusation.accused);
    if (accused?.isCorrect && !this.#isDue(seat, accused, now, watched!)) this.#count += 1;
  }

  happened(event: SimEvent): void {
    if (event.kind === "network" && this.#watched) this.#remember(this.#watched);
  }

  #remember(watched: Watched): void {
    this.#links.changed(watched.network.faults, watched.now, aftermathMs(watched.settings));
  }

  /** Is there something to accuse it of, or was there a moment ago? */
  #isDue(accuser: Seat, accused: Seat, now: number, { settings, members }: Watched): boolean {
    const since = now - aftermathMs(settings);
    if (accused.state !== "up" || (accused.backAt > 0 && accused.backAt > since)) return true;
    return this.#links.wereApart(accuser, accused, members, since);
  }
}
