/** Notes that would free it of its monitors or of all that come after: masks and epochs that no correct member writes. */

import type { Note } from "../../../gossip/index.js";
import { fullMask, tolerance, withRing } from "../../../rings/index.js";
import type { Actor, Behaviour } from "../../actor.js";
import { tellMost } from "../tools/crowd.js";
import { noteOf, noteStatement } from "../tools/forgery.js";

export class MaskAbuser implements Behaviour {
  readonly name = "mask-abuser";
  #turns = 0;

  turn(actor: Actor): void {
    const lies = liesOf(actor);
    const lie = lies[this.#turns++ % lies.length];
    if (lie) tellMost(actor, [noteStatement(noteOf(actor, lie))]);
  }
}

function liesOf({ ringCount, machine }: Actor): Partial<Note>[] {
  const full = fullMask(ringCount);
  const epoch = machine.epoch + 1n;
  let tooFew = full;
  for (let ring = 1; ring <= tolerance(ringCount) + 1; ring++) tooFew = withRing(tooFew, ring, false);
  return [
    { epoch, mask: tooFew },
    { epoch, mask: new Uint8Array(full.length) },
    { epoch, mask: new Uint8Array(full.length + 1).fill(0xff) },
    { epoch, mask: full.subarray(1) },
    { epoch, mask: new Uint8Array(0) },
    ...(ringCount % 8 === 0 ? [] : [{ epoch, mask: new Uint8Array(full.length).fill(0xff) }]),
    { epoch: 0n },
    { epoch: 2n ** 63n },
    { epoch: 2n ** 64n - 1n },
  ];
}
