/** Pings and pongs on their way: datagrams that get lost, arrive late or twice. */
import type { Output } from "../../gossip/index.js";
import type { MemberId } from "../../rings/index.js";
import { ANY_LIFE, PlannedInput } from "../members/input.js";
import type { Member } from "../members/member.js";
import { LOST } from "../network/network.js";
import { signal } from "../paths/signals.js";

/** Bytes of a datagram: a ping, a pong or a summons (client/ping-codec.ts). */
export const DATAGRAM_BYTES = 65;

/** Who is at the first of the addresses at which anyone is, if it is the one meant: another one cannot read it. */
export function datagramTarget(from: Member, to: MemberId, addresses: readonly string[]): Member | undefined {
  for (const address of addresses) {
    const target = from.world.byAddress.get(address);
    if (target) return target.id === to ? target : undefined;
  }
  return undefined;
}

export class Ping extends PlannedInput {
  readonly #from: Member;
  readonly #fromLife: number;
  readonly #nonce: bigint;
  readonly #fingerprint: Uint8Array;

  private constructor(from: Member, to: Member, nonce: bigint, fingerprint: Uint8Array) {
    super(to, ANY_LIFE);
    this.#from = from;
    this.#fromLife = from.life;
    this.#nonce = nonce;
    this.#fingerprint = fingerprint;
  }

  /** A machine's probe. */
  static probe(from: Member, { to, addresses, nonce }: Extract<Output, { kind: "probe" }>): void {
    const target = datagramTarget(from, to, addresses);
    if (target) Ping.send(from, target, nonce, from.fingerprintFor(to));
  }

  static send(from: Member, to: Member, nonce: bigint, fingerprint: Uint8Array): void {
    const { world } = from;
    const { network } = world;
    world.count(from, to, "ping", DATAGRAM_BYTES);
    const ping = new Ping(from, to, nonce, fingerprint);
    if (to.isBehindNat) {
      signal(world, world.paths, { from, to, bytes: DATAGRAM_BYTES, arrive: () => ping.happen() });
      return;
    }
    const delay = network.datagram(from.number, to.number, DATAGRAM_BYTES);
    if (delay !== LOST) world.plan(delay, ping);
    if (!network.isTwice(from.number, to.number)) return;
    const second = network.datagram(from.number, to.number, DATAGRAM_BYTES);
    if (second !== LOST) world.plan(second, ping);
  }

  run(member: Member, now: number): void {
    const from = this.#from;
    // Its driver drops datagrams of those whose key it does not know, and what one sender sends beyond its rate.
    if (!member.machine.agreementKeyOf(from.id)) return;
    if (!from.isCorrect && !member.datagrams.take(from.number, now)) return;
    if (!member.isCorrect && !member.takesPing(from.id)) return;
    member.machine.pinged(from.id, this.#fingerprint, now);
    this.#answer(member);
  }

  #answer(member: Member): void {
    const { world } = member;
    const { network } = world;
    const from = this.#from;
    world.count(member, from, "pong", DATAGRAM_BYTES);
    const pong = new Pong(from, this.#fromLife, member, this.#nonce, member.fingerprintFor(from.id));
    const delay = network.datagram(member.number, from.number, DATAGRAM_BYTES);
    if (delay !== LOST) world.plan(delay, pong);
  }
}

class Pong extends PlannedInput {
  readonly #by: Member;
  readonly #nonce: bigint;
  readonly #fingerprint: Uint8Array;

  constructor(to: Member, life: number, by: Member, nonce: bigint, fingerprint: Uint8Array) {
    super(to, life);
    this.#by = by;
    this.#nonce = nonce;
    this.#fingerprint = fingerprint;
  }

  run(member: Member, now: number): void {
    member.machine.pong(this.#by.id, this.#nonce, this.#fingerprint, now);
  }
}
