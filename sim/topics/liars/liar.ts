/** One liar of a program: stands between its machine of topics and the network, and says what the program has it say. */
import type { MemberId } from "../../../rings/index.js";
import { someOf } from "../../adversaries/tools/crowd.js";
import type { Chance } from "../../chance.js";
import type { Member } from "../../members/member.js";
import { kindOf } from "../record/spent.js";
import type { Mind } from "./mind.js";
import type { Deed, Program, Rule, Span } from "./program.js";
import { OwnLogs, said } from "./sayings.js";

/** Whose topics it is: the host of its member (hosts/host.ts). */
export interface LiarHost {
  readonly member: Member;
  readonly chance: Chance;
  send(to: Member, packet: Uint8Array): void;
  /** Hands a packet to the machine, within an input. */
  receive(from: MemberId, packet: Uint8Array, now: number): void;
  /** An input of the machine. */
  input(tell: (now: number) => void): void;
}

/** Nothing is said more often, virtual milliseconds: a program that a search has drawn must come to an end too. */
const EVERY_MS_MIN = 5;
/** Members that one liar tells at a time, drawn from a larger audience: its own line is no wider than others'. */
const TOLD_MAX = 16;
/** Packets that one liar keeps for later, at most. */
const HOARD_MAX = 4_096;
/** Lives of the logs that it writes beside its machine's: no machine has begun at that time. */
const OWN_LIFE = 666n;

export class Liar {
  readonly #host: LiarHost;
  readonly #program: Program;
  readonly #mind: Mind;
  readonly #own: OwnLogs;
  /** When topics began: the program's times count from there. */
  readonly #begunAt: number;
  #hoarded = 0;

  constructor(parts: { host: LiarHost; program: Program; mind: Mind; begunAt: number }) {
    this.#host = parts.host;
    this.#program = parts.program;
    this.#mind = parts.mind;
    this.#begunAt = parts.begunAt;
    this.#own = new OwnLogs(parts.host.member, OWN_LIFE);
    for (const deed of parts.program.deeds) this.#plan(deed, this.#firstMs(deed));
  }

  get acknowledges(): boolean {
    return this.#program.acknowledges ?? false;
  }

  /** Its machine sends a packet. */
  sends(to: Member, packet: Uint8Array): void {
    this.#mind.learn(packet);
    this.#pass("sends", to, packet, (bytes) => this.#host.send(to, bytes));
  }

  /** A packet came. */
  hears(from: Member, packet: Uint8Array, now: number): void {
    this.#mind.learn(packet);
    // At once it is within an input already; what is late is an input of its own.
    let isNow = true;
    this.#pass("hears", from, packet, (bytes) => {
      if (isNow) this.#host.receive(from.id, bytes, now);
      else this.#host.input((then) => this.#host.receive(from.id, bytes, then));
    });
    isNow = false;
  }

  /** By the first rule that is about it. */
  #pass(on: Rule["on"], other: Member, packet: Uint8Array, go: (packet: Uint8Array) => void): void {
    const rule = this.#program.rules.find((each) => this.#isAbout(each, on, other, packet));
    switch (rule?.does) {
      case "drop":
        return;
      case "delay":
        this.#after(rule.ms ?? 0, () => go(packet));
        return;
      case "hoard":
        if (this.#hoarded++ < HOARD_MAX) this.#after(this.#msUntil(rule), () => go(packet));
        return;
      case "twice":
        go(packet);
        this.#after(rule.ms ?? 0, () => go(packet));
        return;
      case "alter":
        go(this.#altered(packet));
        return;
      case undefined:
        go(packet);
    }
  }

  #isAbout(rule: Rule, on: Rule["on"], other: Member, packet: Uint8Array): boolean {
    if (rule.on !== on || (rule.kind !== "any" && rule.kind !== kindOf(packet)) || !this.#isIn(rule)) return false;
    return this.#mind.is(rule.with, other) && this.#host.chance.happens(rule.share ?? 1);
  }

  #altered(packet: Uint8Array): Uint8Array {
    const altered = packet.slice();
    const place = this.#host.chance.below(altered.length);
    altered[place]! ^= 1 + this.#host.chance.below(255);
    return altered;
  }

  #plan(deed: Deed, ms: number): void {
    this.#after(ms, () => {
      if (this.#isIn(deed)) this.#do(deed);
      if (this.#seconds < (deed.until ?? Number.POSITIVE_INFINITY))
        this.#plan(deed, Math.max(EVERY_MS_MIN, deed.everyMs));
    });
  }

  #do(deed: Deed): void {
    const { to, count = 1 } = deed;
    const others = this.#mind.audience(to).filter((member) => member !== this.#host.member);
    const audience = someOf(this.#host.chance, others, TOLD_MAX);
    for (let time = 0; time < count; time++) {
      const words = said(deed, this.#mind, this.#own, this.#host.chance);
      if (!words) return;
      for (const member of audience) this.#host.send(member, words[member.number % 2]!);
    }
  }

  /** Each begins somewhere in the first interval: liars are many, and not in step. */
  #firstMs({ from = 0, everyMs }: Deed): number {
    return 1_000 * from + this.#host.chance.number() * everyMs;
  }

  get #seconds(): number {
    return (this.#host.member.now - this.#begunAt) / 1_000;
  }

  #isIn({ from = 0, until = Number.POSITIVE_INFINITY }: Span): boolean {
    return this.#seconds >= from && this.#seconds < until;
  }

  #msUntil({ until = this.#seconds }: Span): number {
    return Math.max(0, 1_000 * (until - this.#seconds));
  }

  #after(ms: number, run: () => void): void {
    this.#host.member.world.after(this.#host.member, ms, run);
  }
}
