/** There for a while and silent for a while: accused, perhaps removed, and back again. */
import type { Output } from "../../../gossip/index.js";
import type { Actor, Behaviour } from "../../actor.js";
import { Silent } from "./silent.js";

/** Virtual milliseconds of each: longer than an accusation takes, and sometimes a removal. */
const HALF_MS = 7000;
/** The liars do not flap in step. */
const SHIFT_MS = 1000;

export class Flapper implements Behaviour {
  readonly name = "flapper";
  readonly #silent = new Silent();

  output(actor: Actor, output: Output): readonly Output[] | undefined {
    return isAway(actor) ? this.#silent.output(actor, output) : undefined;
  }

  request(actor: Actor): "silent" | undefined {
    return isAway(actor) ? "silent" : undefined;
  }

  pinged(actor: Actor): boolean {
    return !isAway(actor);
  }

  tried(actor: Actor): boolean {
    return !isAway(actor);
  }
}

function isAway(actor: Actor): boolean {
  return Math.floor((actor.now + SHIFT_MS * actor.number) / HALF_MS) % 2 === 1;
}
