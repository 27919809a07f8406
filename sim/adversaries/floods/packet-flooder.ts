/** As many packets to one victim as it gets rid of: junk, huge ones, and questions that are dear to answer. */
import { encodePacket } from "../../../gossip/index.js";
import type { Actor, Behaviour } from "../../actor.js";
import { commonVictim } from "../tools/crowd.js";

/** Virtual milliseconds for one victim. */
const SLOT_MS = 8000;
/** 160 a second: some seven times what a partner may send. */
const PACKETS_PER_TURN = 40;
/** More than any packet may have (gossip/limits.ts). */
const HUGE_BYTES = 1_400_000;
/** Ranges of a question: nearly all that a packet may compare. */
const RANGES = 250;

export class PacketFlooder implements Behaviour {
  readonly name = "packet-flooder";
  readonly #packets = [junk(), new Uint8Array(HUGE_BYTES).fill(1), questions(), encodePacket([])];

  turn(actor: Actor): void {
    const victim = commonVictim(actor, SLOT_MS);
    if (!victim) return;
    for (let count = 0; count < PACKETS_PER_TURN; count++) {
      // The huge ones are a few: each takes its time on the line.
      const kind = count === 0 ? 1 : actor.chance.below(3) + 1;
      actor.call(victim, this.#packets[kind === 1 && count > 0 ? 0 : kind] as Uint8Array);
    }
  }
}

function junk(): Uint8Array {
  return Uint8Array.from({ length: 300 }, (_, index) => (index * 37) & 255);
}

/** "What do you hold?" for each of so many ranges, each with the wrong hash. */
function questions(): Uint8Array {
  const hash = new Uint8Array(16).fill(7);
  return encodePacket(
    Array.from({ length: RANGES }, (_, index) => {
      return { kind: "range", prefix: index.toString(16).padStart(2, "0"), hash } as const;
    }),
  );
}
