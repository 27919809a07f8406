/** One member of a simulation: its machine's present life, and what it is to watchers (Seat) and to behaviours (Actor). */
import { type CertificateFacts, type Machine, type Output, type Settings, TrustedClock } from "../gossip/index.js";
import type { MemberId } from "../rings/index.js";
import type { Actor, Behaviour, Identity, Seat, StatementKind } from "./actor.js";
import type { Handlers } from "./applications.js";
import type { Chance } from "./chance.js";
import { type Credentials, type Dates, dateProblem } from "./crypto.js";
import { type Engine, WALL_START } from "./engine.js";
import type { Input } from "./input.js";
import { SenderRates } from "./sender-rates.js";
import { Traffic } from "./traffic.js";

export class Member implements Actor {
  readonly number: number;
  readonly name: string;
  readonly address: string;
  readonly chance: Chance;
  readonly engine: Engine;
  readonly traffic = new Traffic();
  readonly handlers: Handlers = {};
  readonly datagrams = new SenderRates();
  credentials: Credentials;
  behaviours: readonly Behaviour[] = [];
  isCorrect = true;
  state: Seat["state"] = "down";
  /** Its host answers for it while it is down: nobody listens there. Else the host is gone as well. */
  refuses = false;
  startedAt = 0;
  stoppedAt: number | undefined = 0;
  backAt = 0;
  /** Counts its machines: what belongs to an earlier one is not for this one. */
  life = 0;
  /** The earliest planned look at the machine's deadline. */
  wakeAt = Number.POSITIVE_INFINITY;
  /** Added to the wall clock, milliseconds: see `skew`. */
  wallError = 0;
  savedMark = 0n;
  metadata: Uint8Array = new Uint8Array(0);
  /** What its application hands to neighbours, over all its lives. */
  gossip: Uint8Array | undefined;
  /** What arrived while it stood still, oldest first. */
  inbox: Input[] = [];
  #machine: Machine | undefined;
  #clock: TrustedClock | undefined;
  /** What its trusted clock is ahead of monotonic time, milliseconds. */
  #wallOffset = WALL_START;

  constructor(parts: { engine: Engine; number: number; credentials: Credentials; chance: Chance }) {
    this.engine = parts.engine;
    this.number = parts.number;
    this.name = nameOf(parts.number);
    this.address = `${this.name}:1`;
    this.credentials = parts.credentials;
    this.chance = parts.chance;
  }

  get id(): MemberId {
    return this.credentials.certificate.id;
  }

  get certificate(): CertificateFacts {
    return this.credentials.certificate;
  }

  get machine(): Machine {
    if (!this.#machine) throw new Error(`${this.name} has not begun to join yet`);
    return this.#machine;
  }

  /** The machine of a new life, which trusts the clock that it finds. */
  set machine(machine: Machine) {
    this.#machine = machine;
    this.#clock = new TrustedClock(() => this.engine.wall(this));
    this.#readClock();
  }

  get wall(): number {
    return this.now + this.#wallOffset;
  }

  /** Its wall clock steps by so many milliseconds. Between two steps nothing changes that its trusted clock could follow. */
  skew(ms: number): void {
    this.wallError += ms;
    this.#readClock();
  }

  #readClock(): void {
    if (this.#clock) this.#wallOffset = this.#clock.wall(this.now) - this.now;
  }

  /** Why its driver has no connection with the bearer of a certificate: what it holds against it (R12, R17), or the dates. */
  refusal(certificate: CertificateFacts): string | undefined {
    return this.machine.refusal(certificate) ?? dateProblem(certificate, this.wall);
  }

  get hasStarted(): boolean {
    return this.#machine !== undefined;
  }

  get now(): number {
    return this.engine.now;
  }

  get fellows(): readonly Actor[] {
    return this.engine.liars;
  }

  get everyone(): readonly Seat[] {
    return this.engine.members;
  }

  get ringCount(): number {
    return this.engine.ringCount;
  }

  get settings(): Settings {
    return this.engine.settings;
  }

  recruit(): Identity {
    return this.engine.recruit(this);
  }

  reissue(dates?: Dates): Identity {
    return this.engine.reissue(this, dates);
  }

  sign(type: StatementKind, body: Uint8Array): Uint8Array {
    this.engine.observers.forged(this, type);
    return this.credentials.sign(type, body);
  }

  call(to: Seat, packet: Uint8Array, onAnswer?: (packet: Uint8Array) => void): void {
    this.engine.callOf(this, to, packet, onAnswer);
  }

  ping(to: Seat, fingerprint: Uint8Array): void {
    this.engine.pingOf(this, to, fingerprint);
  }

  summon(to: Seat, ring: number, epoch: bigint): void {
    this.engine.summonBy(this, to, ring, epoch);
  }

  after(ms: number, run: () => void): void {
    this.engine.after(this, ms, run);
  }

  /** What its behaviours make of an output of its machine; undefined: nothing. */
  altered(output: Output): readonly Output[] | undefined {
    for (const behaviour of this.behaviours) {
      const altered = behaviour.output?.(this, output);
      if (altered) return altered;
    }
    return undefined;
  }

  /** What it answers a packet with; undefined: with nothing. */
  answerTo(from: MemberId, packet: Uint8Array, now: number): Uint8Array | undefined {
    if (this.isCorrect) return this.machine.request(from, packet, now);
    const own = this.#response(from, packet);
    if (own !== undefined) return own === "silent" ? undefined : own;
    const answer = this.machine.request(from, packet, now);
    for (const behaviour of this.behaviours) {
      const altered = behaviour.answer?.(this, from, answer);
      if (altered) return altered;
    }
    return answer;
  }

  /** The fingerprint in its pings to a member, and in its pongs. */
  fingerprintFor(to: MemberId): Uint8Array {
    for (const behaviour of this.behaviours) {
      const fingerprint = behaviour.fingerprint?.(this, to);
      if (fingerprint) return fingerprint;
    }
    return this.machine.fingerprint();
  }

  /** Its behaviours' answer to a packet; undefined: its machine answers. */
  #response(from: MemberId, packet: Uint8Array): Uint8Array | "silent" | undefined {
    for (const behaviour of this.behaviours) {
      const response = behaviour.request?.(this, from, packet);
      if (response !== undefined) return response;
    }
    return undefined;
  }

  /** Milliseconds that its behaviours sit on an answer. */
  delayTo(from: MemberId): number {
    for (const behaviour of this.behaviours) {
      const delay = behaviour.lateBy?.(this, from);
      if (delay !== undefined) return delay;
    }
    return 0;
  }

  takesPing(from: MemberId): boolean {
    for (const behaviour of this.behaviours) {
      const takes = behaviour.pinged?.(this, from);
      if (takes !== undefined) return takes;
    }
    return true;
  }

  takesTry(from: MemberId): boolean {
    for (const behaviour of this.behaviours) {
      const takes = behaviour.tried?.(this, from);
      if (takes !== undefined) return takes;
    }
    return true;
  }
}

export function nameOf(number: number): string {
  return `m${number}`;
}
