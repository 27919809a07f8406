/** Pings everybody, all the time, with fingerprints by chance: each one says that the views differ, and that a call is due. */
import type { MemberId } from "../../../rings/index.js";
import type { Actor, Behaviour } from "../../actor.js";
import { someOf, victimsOf } from "../tools/crowd.js";

/** 256 a second, each to another member. */
const PINGS_PER_TURN = 64;
const FINGERPRINT_BYTES = 16;

export class FingerprintLiar implements Behaviour {
  readonly name: string = "fingerprint-liar";

  turn(actor: Actor): void {
    for (const seat of someOf(actor.chance, victimsOf(actor), PINGS_PER_TURN)) actor.ping(seat, random(actor));
  }

  fingerprint(actor: Actor, _to: MemberId): Uint8Array {
    return random(actor);
  }
}

function random({ chance }: Actor): Uint8Array {
  return Uint8Array.from({ length: FINGERPRINT_BYTES }, () => chance.below(256));
}
