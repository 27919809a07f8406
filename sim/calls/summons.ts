/** Summonses on their way (rule R20): datagrams that nothing answers. */
import type { Output } from "../../gossip/index.js";
import { ANY_LIFE, PlannedInput } from "../members/input.js";
import type { Member } from "../members/member.js";
import { LOST } from "../network/network.js";
import { signal } from "../paths/signals.js";
import { DATAGRAM_BYTES, datagramTarget } from "./pings.js";

export class Summons extends PlannedInput {
  readonly #from: Member;
  readonly #ring: number;
  readonly #epoch: bigint;
  #isHeard = false;

  private constructor(from: Member, to: Member, ring: number, epoch: bigint) {
    super(to, ANY_LIFE);
    this.#from = from;
    this.#ring = ring;
    this.#epoch = epoch;
  }

  static carryOut(from: Member, { to, addresses, ring, epoch }: Extract<Output, { kind: "summon" }>): void {
    const hidden = from.world.byId.get(to);
    const target = hidden?.isBehindNat ? hidden : datagramTarget(from, to, addresses);
    if (target) Summons.send(from, target, ring, epoch);
  }

  static send(from: Member, to: Member, ring: number, epoch: bigint): void {
    const { world } = from;
    world.count(from, to, "summons", DATAGRAM_BYTES);
    const summons = new Summons(from, to, ring, epoch);
    if (to.isBehindNat) {
      signal(world, world.paths, { from, to, bytes: DATAGRAM_BYTES, arrive: () => summons.#arriveOnce() });
      return;
    }
    const delay = world.network.datagram(from.number, to.number, DATAGRAM_BYTES);
    if (delay !== LOST) world.plan(delay, summons);
  }

  /** Whichever of its ways was the fastest. */
  #arriveOnce(): void {
    if (!this.#isHeard) this.happen();
    this.#isHeard = true;
  }

  run(member: Member, now: number): void {
    const from = this.#from;
    // As for a ping: its driver drops those whose key it does not know, and what one sender sends beyond its rate.
    if (!member.machine.agreementKeyOf(from.id)) return;
    if (!from.isCorrect && !member.datagrams.take(from.number, now)) return;
    member.machine.summoned(from.id, this.#ring, this.#epoch, now);
  }
}
