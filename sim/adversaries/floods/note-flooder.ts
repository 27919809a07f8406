/** Spins its own epoch as fast as it can, with metadata as long as it may be: each note is good, and news for everybody. */
import { METADATA_BYTES_MAX } from "../../../gossip/index.js";
import type { Actor, Behaviour } from "../../actor.js";
import { someOf, victimsOf } from "../tools/crowd.js";
import { noteOf, noteStatement, packetOf } from "../tools/forgery.js";

/** 32 a second, where one per gossip interval is admitted (rule R11). */
const NOTES_PER_TURN = 8;
/** Members told first hand: they push on what is new. */
const TOLD = 2;

export class NoteFlooder implements Behaviour {
  readonly name = "note-flooder";
  #epoch = 0n;

  turn(actor: Actor): void {
    const { epoch } = actor.machine;
    if (this.#epoch < epoch) this.#epoch = epoch;
    for (const seat of someOf(actor.chance, victimsOf(actor), TOLD)) {
      const notes = Array.from({ length: NOTES_PER_TURN }, () => {
        this.#epoch += 1n;
        const metadata = new Uint8Array(METADATA_BYTES_MAX).fill(Number(this.#epoch & 0xffn));
        return noteStatement(noteOf(actor, { epoch: this.#epoch, metadata }));
      });
      actor.call(seat, packetOf(notes));
    }
  }
}
