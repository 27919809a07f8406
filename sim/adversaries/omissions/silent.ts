/** Answers nothing at all, pings included, and sends nothing: like a member that has crashed. */
import type { Output } from "../../../gossip/index.js";
import type { Actor, Behaviour } from "../../actor.js";

/** All that leaves a member. */
const KINDS: ReadonlySet<Output["kind"]> = new Set(["send", "probe", "summon", "try", "gossip"]);

export class Silent implements Behaviour {
  readonly name = "silent";

  output(_actor: Actor, output: Output): readonly Output[] | undefined {
    return KINDS.has(output.kind) ? [] : undefined;
  }

  request(): "silent" {
    return "silent";
  }

  pinged(): boolean {
    return false;
  }

  tried(): boolean {
    return false;
  }
}
