/**
 * Many behaviours as one. All of them act at once; where only one can answer (a request, a ping), they take turns, so that
 * the one that is merely silent does not keep the others from being heard.
 */
import type { Output } from "../../gossip/index.js";
import type { MemberId } from "../../rings/index.js";
import type { Actor, Behaviour } from "../actor.js";

/** Virtual milliseconds for which one of them answers. */
const TURN_TAKEN_MS = 5000;

export class Ensemble implements Behaviour {
  readonly name: string;
  readonly #behaviours: readonly Behaviour[];

  constructor(name: string, behaviours: readonly Behaviour[]) {
    this.name = name;
    this.#behaviours = behaviours;
  }

  start(actor: Actor): void {
    for (const behaviour of this.#behaviours) behaviour.start?.(actor);
  }

  turn(actor: Actor): void {
    for (const behaviour of this.#behaviours) behaviour.turn?.(actor);
  }

  output(actor: Actor, output: Output): readonly Output[] | undefined {
    return this.#speaker(actor)?.output?.(actor, output);
  }

  request(actor: Actor, from: MemberId, packet: Uint8Array): Uint8Array | "silent" | undefined {
    return this.#speaker(actor)?.request?.(actor, from, packet);
  }

  answer(actor: Actor, from: MemberId, packet: Uint8Array): Uint8Array | undefined {
    return this.#speaker(actor)?.answer?.(actor, from, packet);
  }

  pinged(actor: Actor, from: MemberId): boolean | undefined {
    return this.#speaker(actor)?.pinged?.(actor, from);
  }

  tried(actor: Actor, from: MemberId): boolean | undefined {
    return this.#speaker(actor)?.tried?.(actor, from);
  }

  fingerprint(actor: Actor, to: MemberId): Uint8Array | undefined {
    return this.#speaker(actor)?.fingerprint?.(actor, to);
  }

  lateBy(actor: Actor, from: MemberId): number | undefined {
    return this.#speaker(actor)?.lateBy?.(actor, from);
  }

  #speaker(actor: Actor): Behaviour | undefined {
    const turn = Math.floor(actor.now / TURN_TAKEN_MS) + actor.number;
    return this.#behaviours[turn % this.#behaviours.length];
  }
}
