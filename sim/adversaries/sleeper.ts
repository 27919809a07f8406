/** Behaves like any other member until an hour that all liars know; from then on it does what it was made for. */
import type { Output } from "../../gossip/index.js";
import type { MemberId } from "../../rings/index.js";
import type { Actor, Behaviour } from "../actor.js";

export class Sleeper implements Behaviour {
  readonly name = "sleeper";
  readonly #dream: Behaviour;
  readonly #wakeAt: number;

  /** `wakeAt` in virtual milliseconds. */
  constructor(dream: Behaviour, wakeAt: number) {
    this.#dream = dream;
    this.#wakeAt = wakeAt;
  }

  start(actor: Actor): void {
    const left = this.#wakeAt - actor.now;
    if (left > 0) actor.after(left, () => this.#dream.start?.(actor));
    else this.#dream.start?.(actor);
  }

  turn(actor: Actor): void {
    this.#awake(actor)?.turn?.(actor);
  }

  output(actor: Actor, output: Output): readonly Output[] | undefined {
    return this.#awake(actor)?.output?.(actor, output);
  }

  request(actor: Actor, from: MemberId, packet: Uint8Array): Uint8Array | "silent" | undefined {
    return this.#awake(actor)?.request?.(actor, from, packet);
  }

  answer(actor: Actor, from: MemberId, packet: Uint8Array): Uint8Array | undefined {
    return this.#awake(actor)?.answer?.(actor, from, packet);
  }

  pinged(actor: Actor, from: MemberId): boolean | undefined {
    return this.#awake(actor)?.pinged?.(actor, from);
  }

  tried(actor: Actor, from: MemberId): boolean | undefined {
    return this.#awake(actor)?.tried?.(actor, from);
  }

  fingerprint(actor: Actor, to: MemberId): Uint8Array | undefined {
    return this.#awake(actor)?.fingerprint?.(actor, to);
  }

  lateBy(actor: Actor, from: MemberId): number | undefined {
    return this.#awake(actor)?.lateBy?.(actor, from);
  }

  #awake(actor: Actor): Behaviour | undefined {
    return actor.now >= this.#wakeAt ? this.#dream : undefined;
  }
}
