/** Pings and pongs on their way: datagrams that get lost, arrive late or twice. */
import type { Output } from "../gossip/index.js";
import { ANY_LIFE, Input } from "./input.js";
import type { Member } from "./member.js";
import { LOST } from "./network.js";

/** Bytes of a ping, and of a pong (client/ping-codec.ts). */
const PING_BYTES = 65;

export class Ping extends Input {
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

  /** A machine's probe: to the first of the addresses at which anyone is. Who is not the one meant cannot read it. */
  static probe(from: Member, { to, addresses, nonce }: Extract<Output, { kind: "probe" }>): void {
    const { byAddress } = from.engine;
    for (const address of addresses) {
      const target = byAddress.get(address);
      if (target?.id === to) Ping.send(from, target, nonce, from.fingerprintFor(to));
      if (target) return;
    }
  }

  static send(from: Member, to: Member, nonce: bigint, fingerprint: Uint8Array): void {
    const { engine } = from;
    const { network } = engine;
    engine.count(from, to, "ping", PING_BYTES);
    const ping = new Ping(from, to, nonce, fingerprint);
    const delay = network.datagram(from.number, to.number, PING_BYTES);
    if (delay !== LOST) engine.plan(delay, ping);
    if (!network.isTwice(from.number, to.number)) return;
    const second = network.datagram(from.number, to.number, PING_BYTES);
    if (second !== LOST) engine.plan(second, ping);
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
    const { engine } = member;
    const { network } = engine;
    const from = this.#from;
    engine.count(member, from, "pong", PING_BYTES);
    const pong = new Pong(from, this.#fromLife, member, this.#nonce, member.fingerprintFor(from.id));
    const delay = network.datagram(member.number, from.number, PING_BYTES);
    if (delay !== LOST) engine.plan(delay, pong);
  }
}

class Pong extends Input {
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
