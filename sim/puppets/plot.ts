/** Behaviours for liars that one plot directs. */
import type { Output } from "../../gossip/index.js";
import type { MemberId } from "../../rings/index.js";
import type { Actor, Behaviour, Seat } from "../actor.js";
import type { Puppet } from "./puppet.js";
import { type Plot, Troupe } from "./troupe.js";

/**
 * Behaviours, one for each liar, that one plot directs: one troupe for each simulation, and in it a new plot for each beginning.
 *
 *     const create = plot("splitter", () => new Splitter());
 *     new Simulation({ members: 20, byzantine: 2, seed: 1, behaviours: () => [create()] });
 */
export function plot(name: string, newPlot: () => Plot): () => Behaviour {
  const troupes = new WeakMap<readonly Seat[], Troupe>();
  const troupeOf = ({ everyone }: Actor) => {
    const troupe = troupes.get(everyone) ?? new Troupe(newPlot);
    troupes.set(everyone, troupe);
    return troupe;
  };
  return () => new Strings(name, troupeOf);
}

/** What a puppet hangs on: hands what the simulator asks a liar to its puppet. */
class Strings implements Behaviour {
  readonly name: string;
  readonly #troupeOf: (actor: Actor) => Troupe;

  constructor(name: string, troupeOf: (actor: Actor) => Troupe) {
    this.name = name;
    this.#troupeOf = troupeOf;
  }

  turn(actor: Actor): void {
    this.#troupeOf(actor).turn(actor);
  }

  output(actor: Actor, output: Output): readonly Output[] | undefined {
    return this.#puppet(actor)?.sent(output);
  }

  request(actor: Actor, from: MemberId): Uint8Array | "silent" | undefined {
    return this.#puppet(actor)?.response(from);
  }

  pinged(actor: Actor, from: MemberId): boolean | undefined {
    return this.#answers(actor, from);
  }

  tried(actor: Actor, from: MemberId): boolean | undefined {
    return this.#answers(actor, from);
  }

  answer(actor: Actor, from: MemberId, packet: Uint8Array): Uint8Array | undefined {
    return this.#puppet(actor)?.answer(from, packet);
  }

  lateBy(actor: Actor, from: MemberId): number | undefined {
    return this.#puppet(actor)?.lateBy(from);
  }

  #answers(actor: Actor, from: MemberId): false | undefined {
    return this.#puppet(actor)?.isSilentTo(from) ? false : undefined;
  }

  #puppet(actor: Actor): Puppet | undefined {
    return this.#troupeOf(actor).puppet(actor);
  }
}
