/**
 * At one moment, an accusation of every correct member that has a liar directly before it on some ring, told to each in one
 * packet that holds all but its own. If the accused were no partners any more, each would be left with liars alone.
 */
import type { Output } from "../../../gossip/index.js";
import type { MemberId } from "../../../rings/index.js";
import type { Actor, Behaviour, Seat } from "../../actor.js";
import { isLeader, victimsOf } from "../tools/crowd.js";
import { accusationOf, packetOf } from "../tools/forgery.js";
import { type Order, orderOf } from "../tools/order.js";
import { sendWithout, without } from "../tools/packets.js";

/** Virtual milliseconds between two such moments. */
const PAUSE_MS = 15_000;
/** Statements in one of its packets: what a packet may hold (gossip/limits.ts). */
const STATEMENTS_MAX = 1000;

export class Blackout implements Behaviour {
  readonly name = "blackout";
  #nextAt = 2000;

  turn(actor: Actor): void {
    if (actor.now < this.#nextAt) return;
    this.#nextAt = actor.now + PAUSE_MS;
    if (isLeader(actor)) accuseAll(actor);
  }

  /** Rebuttals end with it. */
  output(actor: Actor, output: Output): readonly Output[] | undefined {
    return sendWithout(output, (claim) => claim.kind === "note" && claim.note.id !== actor.id);
  }

  answer(actor: Actor, _from: MemberId, packet: Uint8Array): Uint8Array {
    return without(packet, (claim) => claim.kind === "note" && claim.note.id !== actor.id);
  }
}

function accuseAll(leader: Actor): void {
  const order = orderOf(leader);
  const fellows = leader.fellows.filter(({ state }) => state === "up");
  const victims = victimsOf(leader);
  const charges = new Map(victims.map((victim) => [victim, chargeOf(order, fellows, victim)]));
  for (const [index, to] of victims.entries()) {
    const told = [...charges].flatMap(([victim, charge]) => (charge && victim !== to ? [charge] : []));
    const teller = fellows[index % fellows.length];
    teller?.call(to, packetOf(told.slice(0, STATEMENTS_MAX)));
  }
}

/** By a liar that is its monitor on a ring it has enabled. */
function chargeOf(order: Order, fellows: readonly Actor[], victim: Seat): Uint8Array | undefined {
  for (const ring of order.enabled(victim)) {
    const monitor = order.last(ring, victim);
    const fellow = fellows.find(({ id }) => id === monitor?.id);
    if (fellow) return accusationOf(fellow, victim.id, ring, victim.machine.epoch);
  }
  return undefined;
}
