/** A behaviour made of others, one of which answers for all of them at any moment. */
import type { Output } from "../../gossip/index.js";
import type { MemberId } from "../../rings/index.js";
import type { Actor, Behaviour } from "../actor.js";

export abstract class Delegate implements Behaviour {
  abstract readonly name: string;
  abstract start(actor: Actor): void;
  abstract turn(actor: Actor): void;
  /** Whose hooks are asked now; undefined: nobody's, and the machine goes its own way. */
  protected abstract speaker(actor: Actor): Behaviour | undefined;

  output(actor: Actor, output: Output): readonly Output[] | undefined {
    return this.speaker(actor)?.output?.(actor, output);
  }

  request(actor: Actor, from: MemberId, packet: Uint8Array): Uint8Array | "silent" | undefined {
    return this.speaker(actor)?.request?.(actor, from, packet);
  }

  answer(actor: Actor, from: MemberId, packet: Uint8Array): Uint8Array | undefined {
    return this.speaker(actor)?.answer?.(actor, from, packet);
  }

  pinged(actor: Actor, from: MemberId): boolean | undefined {
    return this.speaker(actor)?.pinged?.(actor, from);
  }

  tried(actor: Actor, from: MemberId): boolean | undefined {
    return this.speaker(actor)?.tried?.(actor, from);
  }

  fingerprint(actor: Actor, to: MemberId): Uint8Array | undefined {
    return this.speaker(actor)?.fingerprint?.(actor, to);
  }

  lateBy(actor: Actor, from: MemberId): number | undefined {
    return this.speaker(actor)?.lateBy?.(actor, from);
  }

  relaying(actor: Actor, from: MemberId, to: MemberId): ReturnType<NonNullable<Behaviour["relaying"]>> {
    return this.speaker(actor)?.relaying?.(actor, from, to);
  }
}
