/** Is there, and says nothing: answers pings and tries, and no call; nor does it call anybody. */
import type { Output } from "../../../gossip/index.js";
import type { Actor, Behaviour } from "../../actor.js";

export class Mute implements Behaviour {
  readonly name = "mute";

  output(_actor: Actor, output: Output): readonly Output[] | undefined {
    return output.kind === "send" || output.kind === "gossip" ? [] : undefined;
  }

  request(): "silent" {
    return "silent";
  }
}
