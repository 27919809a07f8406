/** One member of a simulation: its machine's present life, and what it is to watchers (Seat) and to behaviours (Actor). */
import { type CertificateFacts, type Machine, type Output, type Settings, TrustedClock } from "../../gossip/index.js";
import type { MemberId } from "../../rings/index.js";
import type { Actor, Behaviour, Identity, Seat, StatementKind, TrafficKind } from "../actor.js";
import type { Happening } from "../calendar.js";
import type { Chance } from "../chance.js";
import { type Credentials, type Dates, dateProblem } from "../crypto/crypto.js";
import type { Verdicts } from "../crypto/verdicts.js";
import { WALL_START } from "../dates.js";
import type { Handlers } from "../handlers.js";
import type { Network } from "../network/network.js";
import type { Observers } from "../observers.js";
import type { Host, Relaying } from "../paths/host.js";
import type { Paths } from "../paths/paths.js";
import { SenderRates } from "./sender-rates.js";
import { Traffic } from "./traffic.js";

/** What a machine is told, for one life of its member, or for whichever it finds. */
export interface Input extends Happening {
  readonly member: Member;
  readonly life: number;
  /** Hands it to the machine. */
  run(member: Member, now: number): void;
}

/** The simulation around a member: its engine. */
export interface World {
  readonly now: number;
  readonly ringCount: number;
  readonly settings: Settings;
  readonly members: readonly Seat[];
  readonly liars: readonly Actor[];
  readonly byAddress: ReadonlyMap<string, Member>;
  readonly byId: ReadonlyMap<MemberId, Member>;
  readonly paths: Paths;
  readonly network: Network;
  readonly verdicts: Verdicts;
  readonly observers: Observers;
  /** The wall clock that the member reads, Unix milliseconds. */
  wall(member: Member): number;
  plan(delayMs: number, happening: Happening): void;
  /** One input, and all that follows from it; one that stands still finds it when it goes on. */
  deliver(input: Input): void;
  /** One input, now. */
  perform(member: Member, input: Input): void;
  /** Plans a look at the machine when it is due. */
  arm(member: Member): void;
  count(from: Member, to: Member, kind: TrafficKind, bytes: number): void;
  recruit(member: Member): Identity;
  reissue(member: Member, dates?: Dates): Identity;
  callOf(member: Member, to: Seat, packet: Uint8Array, onAnswer?: (packet: Uint8Array) => void): void;
  pingOf(member: Member, to: Seat, fingerprint: Uint8Array): void;
  summonBy(member: Member, to: Seat, ring: number, epoch: bigint): void;
  after(member: Member, ms: number, run: () => void): void;
}

export class Member implements Actor, Host {
  readonly number: number;
  readonly name: string;
  readonly address: string;
  readonly chance: Chance;
  readonly world: World;
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
  isBehindNat = false;
  mapping = 0;
  relays: readonly Member[] = [];
  /** Counts the changes of whom it holds as live. */
  viewVersion = 0;
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

  constructor(parts: { world: World; number: number; credentials: Credentials; chance: Chance }) {
    this.world = parts.world;
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
    this.#clock = new TrustedClock(() => this.world.wall(this));
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
    return this.world.now;
  }

  get fellows(): readonly Actor[] {
    return this.world.liars;
  }

  get everyone(): readonly Seat[] {
    return this.world.members;
  }

  get ringCount(): number {
    return this.world.ringCount;
  }

  get settings(): Settings {
    return this.world.settings;
  }

  recruit(): Identity {
    return this.world.recruit(this);
  }

  reissue(dates?: Dates): Identity {
    return this.world.reissue(this, dates);
  }

  sign(type: StatementKind, body: Uint8Array): Uint8Array {
    this.world.observers.forged(this, type, body, this.now);
    return this.credentials.sign(type, body);
  }

  call(to: Seat, packet: Uint8Array, onAnswer?: (packet: Uint8Array) => void): void {
    this.world.callOf(this, to, packet, onAnswer);
  }

  ping(to: Seat, fingerprint: Uint8Array): void {
    this.world.pingOf(this, to, fingerprint);
  }

  summon(to: Seat, ring: number, epoch: bigint): void {
    this.world.summonBy(this, to, ring, epoch);
  }

  after(ms: number, run: () => void): void {
    this.world.after(this, ms, run);
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

  relaying(from: Seat, to: Seat): Relaying {
    for (const behaviour of this.behaviours) {
      const does = behaviour.relaying?.(this, from.id, to.id);
      if (does !== undefined) return does;
    }
    return "pass";
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
