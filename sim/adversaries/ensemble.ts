/**
 * Many behaviours as one. All of them act at once; where only one can answer (a request, a ping), they take turns, so that
 * the one that is merely silent does not keep the others from being heard.
 */
import type { Actor, Behaviour } from "../actor.js";
import { Delegate } from "./delegate.js";

/** Virtual milliseconds for which one of them answers. */
const TURN_TAKEN_MS = 5000;

export class Ensemble extends Delegate {
  readonly name: string;
  readonly #behaviours: readonly Behaviour[];

  constructor(name: string, behaviours: readonly Behaviour[]) {
    super();
    this.name = name;
    this.#behaviours = behaviours;
  }

  start(actor: Actor): void {
    for (const behaviour of this.#behaviours) behaviour.start?.(actor);
  }

  turn(actor: Actor): void {
    for (const behaviour of this.#behaviours) behaviour.turn?.(actor);
  }

  protected speaker(actor: Actor): Behaviour | undefined {
    const turn = Math.floor(actor.now / TURN_TAKEN_MS) + actor.number;
    return this.#behaviours[turn % this.#behaviours.length];
  }
}
