/** Takes the last epoch that there is, with as many rings disabled as it may: nothing that it signs later can be higher. */
import { EPOCH_MAX } from "../../../gossip/index.js";
import { fullMask, tolerance, withRing } from "../../../rings/index.js";
import type { Actor, Behaviour } from "../../actor.js";
import { tellMost } from "../tools/crowd.js";
import { noteOf, noteStatement } from "../tools/forgery.js";

export class LastEpoch implements Behaviour {
  readonly name = "last-epoch";

  turn(actor: Actor): void {
    let mask = fullMask(actor.ringCount);
    for (let ring = 1; ring <= tolerance(actor.ringCount); ring++) mask = withRing(mask, ring, false);
    tellMost(actor, [noteStatement(noteOf(actor, { epoch: EPOCH_MAX, mask }))]);
  }
}
