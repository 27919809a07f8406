/** Two notes of one epoch, one for each half of the network: whoever compares what it heard has the proof. */
import type { Actor, Behaviour } from "../../actor.js";
import { victimsOf } from "../tools/crowd.js";
import { noteOf, noteStatement, packetOf } from "../tools/forgery.js";

/** Virtual milliseconds within which each does it once; a certificate is spent by it. */
const SPREAD_MS = 10_000;

export class Equivocator implements Behaviour {
  readonly name = "equivocator";

  start(actor: Actor): void {
    actor.after(1000 + SPREAD_MS * actor.chance.number(), () => contradict(actor));
  }
}

function contradict(actor: Actor): void {
  const epoch = actor.machine.epoch + 1n;
  const packets = [1, 2].map((byte) => {
    return packetOf([noteStatement(noteOf(actor, { epoch, metadata: Uint8Array.of(byte) }))]);
  });
  for (const [index, seat] of victimsOf(actor).entries()) actor.call(seat, packets[index % 2] as Uint8Array);
}
