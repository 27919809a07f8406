/**
 * Many behaviours as one, in turns: at any time a liar does two of them. One is the same for all liars, because collusion
 * takes many at one moment; the other is another one for each, so that a network of some dozens has everything at once.
 * Where only one can answer (a request, a ping), it is the liar's own: were all liars merely silent together, they would be
 * out, and the others' attacks with them.
 */
import type { Actor, Behaviour } from "../actor.js";
import { Delegate } from "./delegate.js";

/** Virtual milliseconds of a behaviour's turn: longer than a removal takes, so that an attack can come to its end. */
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
    for (const behaviour of new Set([this.#at(actor, 0), this.speaker(actor)])) behaviour?.turn?.(actor);
  }

  protected speaker(actor: Actor): Behaviour | undefined {
    return this.#at(actor, actor.number);
  }

  #at({ now }: Actor, shift: number): Behaviour | undefined {
    return this.#behaviours[(Math.floor(now / TURN_TAKEN_MS) + shift) % this.#behaviours.length];
  }
}
