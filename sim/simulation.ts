/**
 * A whole overlay in one thread, from a seed: the production machine of every member, unchanged, on a virtual clock and a
 * virtual network. Nothing waits, and the same seed with the same options gives the same run everywhere.
 */
import { CLOCK_TOLERANCE_MS, LAN, type RevocationList, type Settings } from "../gossip/index.js";
import { type MemberId, toHex } from "../rings/index.js";
import type { Actor, Behaviour, Seat, TrafficKind } from "./actor.js";
import { Action } from "./calendar.js";
import { type Reply, sendMessage } from "./calls/applications.js";
import { Chance } from "./chance.js";
import type { Dates, SimCrypto } from "./crypto/crypto.js";
import { fakeCrypto } from "./crypto/fake-crypto.js";
import { DATES, WALL_START } from "./dates.js";
import { Engine } from "./engine.js";
import type { MessageHandler, ResponseHandler } from "./handlers.js";
import { Lives } from "./lives.js";
import { Member, nameOf } from "./members/member.js";
import { Network, type NetworkOptions } from "./network/network.js";
import { Observers } from "./observers.js";
import { byzantineMembers, checkOptions, membersBehindNat, ringCountOf, type SimulationOptions } from "./options.js";
import { isEqual, isWhole } from "./wholeness.js";

export interface JoinOptions {
  readonly metadata?: Uint8Array;
}

export interface MessageOptions {
  /** Milliseconds that the answer may take. Default 10,000. */
  readonly timeoutMs?: number;
}

/** Milliseconds between two who come in, at a start by joining. */
const JOIN_SPACING_MS = 10;
/** Streams of chance, beside one for each member from STREAM_MEMBERS on. */
const STREAM_NETWORK = 1;
const STREAM_CHOICE = 2;
const STREAM_NATS = 3;
const STREAM_MEMBERS = 1024;

export class Simulation {
  readonly network: Network;
  readonly ringCount: number;
  readonly settings: Settings;
  readonly crypto: SimCrypto;
  readonly #engine: Engine;
  readonly #lives: Lives;
  readonly #observers = new Observers();
  readonly #choice: Chance;
  readonly #nats: Chance;
  readonly #nat: number;
  readonly #seed: number;
  readonly #behaviours: (actor: Actor) => readonly Behaviour[];
  readonly #revokedMembers = new Set<MemberId>();
  readonly #retiredIssuers = new Set<string>();
  #revocations = 0;

  /** Throws RangeError for options out of range. */
  constructor(options: SimulationOptions) {
    const { members, seed, watchers = [], start = "whole", crypto = fakeCrypto() } = options;
    checkOptions(options);
    const byzantine = byzantineMembers(options);
    this.crypto = crypto;
    this.#seed = seed;
    this.#choice = new Chance(seed, STREAM_CHOICE);
    this.#nats = new Chance(seed, STREAM_NATS);
    this.#nat = options.nat ?? 0;
    this.#behaviours = options.behaviours ?? (() => []);
    this.settings = { ...LAN, ...options.settings };
    this.ringCount = ringCountOf(options, byzantine);
    for (const watcher of watchers) this.#observers.add(watcher);
    this.#engine = new Engine({
      ringCount: this.ringCount,
      settings: this.settings,
      crypto,
      observers: this.#observers,
    });
    this.network = this.#newNetwork(options.network ?? {});
    this.#engine.network = this.network;
    this.#lives = new Lives(this.#engine, this.#choice.fork());
    for (let number = 0; number < members; number++) this.#seat(number);
    this.#corrupt(byzantine);
    this.#hide(membersBehindNat(options, byzantine));
    this.#begin(start, options.dates ?? (() => undefined));
  }

  /** All that ever were, by number; also those that are down. */
  get members(): readonly Seat[] {
    return this.#engine.members;
  }

  /** Virtual monotonic milliseconds since the beginning. */
  get now(): number {
    return this.#engine.now;
  }

  /** Inputs of machines so far. */
  get events(): number {
    return this.#engine.inputs;
  }

  // --- Time ---

  /** Runs for so many virtual milliseconds. */
  run(ms: number): void {
    this.#engine.run(this.#engine.now + ms);
  }

  /**
   * Runs until it holds, asking every `stepMs` of virtual time. Returns the milliseconds that this took; undefined when it
   * did not hold within `maxMs`.
   */
  runUntil(condition: () => boolean, maxMs: number, stepMs = 100): number | undefined {
    const start = this.now;
    while (!condition()) {
      if (this.now - start >= maxMs) return undefined;
      this.run(Math.min(stepMs, start + maxMs - this.now));
    }
    return this.now - start;
  }

  /** Runs something so many virtual milliseconds from now. */
  at(delayMs: number, run: () => void): void {
    this.#engine.plan(Math.max(0, delayMs), new Action(run));
  }

  // --- Members come, go, fail ---

  /** It is gone from one moment to the next, with its host; or, `refusing`, its host answers that nobody listens. */
  crash(seat: Seat, options: { readonly refusing?: boolean } = {}): void {
    const member = seat as Member;
    member.refuses = options.refusing ?? false;
    this.#engine.stop(member, "crashed");
  }

  /** A new life of a member that is down (throws otherwise): with what an earlier one kept on disk, or its certificate only. */
  restart(seat: Seat, { keepState }: { readonly keepState: boolean }): void {
    this.#lives.restart(seat as Member, keepState);
  }

  /** It stands still from now on, as by SIGSTOP: what arrives waits. */
  stall(seat: Seat): void {
    this.#lives.stall(seat as Member);
  }

  /** It goes on: with all that waits for it, in a row. */
  resume(seat: Seat): void {
    this.#lives.resume(seat as Member);
  }

  /** It says goodbye, and is down when the others have heard it. */
  leave(seat: Seat): void {
    this.#lives.leave(seat as Member);
  }

  /** A newcomer, through contacts that are there. */
  join(options: JoinOptions = {}): Seat {
    const member = this.#seat(this.members.length);
    if (options.metadata) member.metadata = options.metadata;
    member.isBehindNat = this.#nats.happens(this.#nat);
    this.#lives.join(member);
    return member;
  }

  /** Its wall clock jumps by so many milliseconds, forwards or (negative) backwards. */
  skewClock(seat: Seat, ms: number): void {
    (seat as Member).skew(ms);
    this.#observers.happened({ kind: "clock-skewed", seat, ms }, this.now);
  }

  /** The NAT that it sits behind forgets its sessions: they are dead, and nobody is told. Nothing happens to one without. */
  remap(seat: Seat): void {
    const member = seat as Member;
    if (member.isBehindNat) this.#lives.remap(member);
  }

  /** Does it sit behind a NAT? Its relays, by its latest note. */
  isBehindNat(seat: Seat): boolean {
    return (seat as Member).isBehindNat;
  }

  relaysOf(seat: Seat): readonly Seat[] {
    return (seat as Member).relays;
  }

  /** The authority takes its certificate away: the next revocation list names it, and a few members hear of it first. */
  revoke(seat: Seat): void {
    this.#revokedMembers.add(seat.id);
    this.#observers.happened({ kind: "revoked", seat }, this.now);
    this.#publish();
  }

  /** Another certificate for the same id; without dates one that is newer than all before, and outlasts the simulation. */
  renew(seat: Seat, dates: Dates = this.#newDates()): void {
    this.#lives.renew(seat as Member, dates);
  }

  /** The authority goes over to another issuing certificate, which signs what it issues from now on. Returns the former. */
  rotate(): Uint8Array {
    return this.crypto.rotate();
  }

  /** A former issuing certificate goes on the revocation list: whoever has not renewed since `rotate` is out. */
  retire(issuer: Uint8Array): void {
    this.#retiredIssuers.add(toHex(this.crypto.sha256(issuer)));
    this.#observers.happened({ kind: "issuer-retired", issuer }, this.now);
    this.#publish();
  }

  /** New metadata in its next note: at most 4 KiB. */
  describe(seat: Seat, metadata: Uint8Array): void {
    this.#lives.describe(seat as Member, metadata);
  }

  /** From now on it misbehaves: without behaviours of its own it is merely not counted among the correct. */
  corrupt(seat: Seat, behaviours: readonly Behaviour[]): void {
    this.#engine.corrupt(seat as Member, behaviours);
  }

  // --- Applications ---

  /** A whole message from one member's application to another's. */
  message(
    from: Seat,
    to: Seat,
    data: Uint8Array,
    onReply?: (reply: Reply) => void,
    { timeoutMs }: MessageOptions = {},
  ): void {
    sendMessage(from as Member, to as Member, data, { ...(onReply && { onReply }), ...(timeoutMs && { timeoutMs }) });
  }

  /** The handler of messages to this member, in all its lives. */
  onMessage(seat: Seat, handler: MessageHandler): void {
    (seat as Member).handlers.message = handler;
  }

  /** What this member hands to a ring neighbour in each gossip interval; undefined: nothing. */
  setGossip(seat: Seat, content: Uint8Array | undefined): void {
    const member = seat as Member;
    member.gossip = content;
    if (member.state !== "down") member.machine.setGossipContent(content);
  }

  /** The handler of gossip that neighbours hand to this member. */
  onGossip(seat: Seat, handler: MessageHandler): void {
    (seat as Member).handlers.gossip = handler;
  }

  /** The handler of answers to this member's gossip. */
  onResponse(seat: Seat, handler: ResponseHandler): void {
    (seat as Member).handlers.response = handler;
  }

  // --- Looking at it ---

  /** Are the views of these (default: all correct ones that are up) whole: all of them in, and nobody that is down? */
  isWhole(among?: readonly Seat[]): boolean {
    return isWhole(this.#engine.members, among);
  }

  /** Do these (default: all correct ones that are up) hold exactly the same records? */
  isEqual(among?: readonly Seat[]): boolean {
    return isEqual(this.#engine.members, among);
  }

  /** Bytes that a member has sent so far, by kind, without the headers of the layers below. */
  traffic(seat: Seat): Readonly<Record<TrafficKind, number>> {
    return (seat as Member).traffic.byKind();
  }

  /** 16 hex digits over all that was told and signed so far, and over what all hold now. */
  digest(): string {
    const mixer = this.#observers.mixer.copy().number(this.now).number(this.events);
    for (const member of this.#engine.members) {
      mixer.text(member.state);
      if (member.hasStarted) mixer.bytes(member.machine.fingerprint());
    }
    return mixer.digest();
  }

  /** By the authority's clock, which is right; it allows for those of members that are slow. */
  #newDates(): Dates {
    return { notBefore: WALL_START + Math.floor(this.now) - CLOCK_TOLERANCE_MS, notAfter: DATES.notAfter };
  }

  #publish(): void {
    this.#revocations += 1;
    const list: RevocationList = this.#lives.listOf(this.#revocations, this.#revokedMembers, this.#retiredIssuers);
    this.#lives.publish(list);
  }

  #newNetwork(options: Partial<NetworkOptions>): Network {
    return new Network({
      options,
      chance: new Chance(this.#seed, STREAM_NETWORK),
      now: () => this.#engine.now,
      onChange: (what) => this.#observers.happened({ kind: "network", what }, this.now),
    });
  }

  #seat(number: number): Member {
    const engine = this.#engine;
    const chance = new Chance(this.#seed, STREAM_MEMBERS + number);
    const credentials = engine.crypto.issue(nameOf(number), DATES);
    const member = new Member({ world: engine, number, credentials, chance });
    engine.members.push(member);
    engine.byId.set(member.id, member);
    engine.byAddress.set(member.address, member);
    return member;
  }

  #corrupt(byzantine: number): void {
    const liars = draw(this.#choice, this.#engine.members, byzantine);
    for (const liar of liars) this.#engine.corrupt(liar, this.#behaviours(liar));
  }

  /** Puts so many correct members behind NATs, each behind one of its own. */
  #hide(count: number): void {
    const correct = this.#engine.members.filter(({ isCorrect }) => isCorrect);
    for (const member of draw(this.#nats, correct, count)) member.isBehindNat = true;
  }

  #begin(start: "whole" | "joining", datesOf: (seat: Seat) => Dates | undefined): void {
    const { members, crypto } = this.#engine;
    for (const member of members) {
      const dates = datesOf(member);
      if (dates) member.credentials = crypto.issue(member.name, dates);
    }
    if (start === "whole") this.#lives.beginWhole(members);
    else for (const member of members) this.at(member.number * JOIN_SPACING_MS, () => this.#lives.join(member));
  }
}

/** So many of them, each set as likely as any other, in their order. */
function draw(chance: Chance, members: readonly Member[], count: number): Member[] {
  const places = Uint32Array.from(members, (_, index) => index);
  for (let index = 0; index < count; index++) {
    const other = index + chance.below(places.length - index);
    const drawn = places[other]!;
    places[other] = places[index]!;
    places[index] = drawn;
  }
  return Array.from(places.subarray(0, count).sort(), (place) => members[place]!);
}
