/** Behaves like any other member until an hour that all liars know; from then on it does what it was made for. */
import type { Actor, Behaviour } from "../actor.js";
import { Delegate } from "./delegate.js";

export class Sleeper extends Delegate {
  readonly name = "sleeper";
  readonly #dream: Behaviour;
  readonly #wakeAt: number;

  /** `wakeAt` in virtual milliseconds. */
  constructor(dream: Behaviour, wakeAt: number) {
    super();
    this.#dream = dream;
    this.#wakeAt = wakeAt;
  }

  start(actor: Actor): void {
    const left = this.#wakeAt - actor.now;
    if (left > 0) actor.after(left, () => this.#dream.start?.(actor));
    else this.#dream.start?.(actor);
  }

  turn(actor: Actor): void {
    this.speaker(actor)?.turn?.(actor);
  }

  protected speaker(actor: Actor): Behaviour | undefined {
    return actor.now >= this.#wakeAt ? this.#dream : undefined;
  }
}
