/**
 * Calls on their way: a request, then an answer, each over a connection that repeats what gets lost. Every call ends once:
 * by its answer, or by its failure at the deadline, earlier only when the host says that nobody listens.
 */
import type { Recipient } from "../../gossip/index.js";
import type { Seat, TrafficKind } from "../actor.js";
import { Action } from "../calendar.js";
import { relaysIn } from "../members/addresses.js";
import { ANY_LIFE, PlannedInput } from "../members/input.js";
import type { Member } from "../members/member.js";
import { type Flight, SEGMENT_BYTES } from "../network/network.js";
import { Carriage, type Carried, patienceMs, type Way } from "../paths/carriage.js";

/** The first wait before what got lost is sent again, milliseconds; it doubles (RFC 6298, with Linux's minimum). */
const RETRANSMIT_MS = 200;
/** ... so many times in a row: to 51 s. */
const DOUBLINGS_MAX = 8;
/** So many that arrive behind a lost one tell the sender of it within one round trip (RFC 5681, 3.2). */
const DUPLICATE_ACKS = 3;

/** What a call carries and what becomes of it; one class per purpose (requests.ts, applications.ts). */
export abstract class Call implements Carried {
  readonly caller: Member;
  readonly life: number;
  readonly target: Member;
  /** The caller gives up at this virtual time. */
  readonly deadline: number;
  isOver = false;
  readonly isTry: boolean = false;
  #addresses: readonly string[] | undefined;
  #isFailing = false;
  /** To a member behind a NAT: what carries it, and on which way it came. */
  #carriage: Carriage | undefined;
  #way: Way | undefined;
  abstract readonly requestKind: TrafficKind | undefined;
  abstract readonly answerKind: TrafficKind | undefined;

  constructor(caller: Member, target: Member, timeoutMs: number) {
    this.caller = caller;
    this.life = caller.life;
    this.target = target;
    this.deadline = caller.world.now + timeoutMs;
  }

  /** The target's part, as an input of its own. Its answer, or undefined: none, or later through `answer`. */
  abstract receive(target: Member, payload: Uint8Array, now: number): Uint8Array | undefined;
  /** The caller's part, as an input of its own. */
  abstract finish(caller: Member, payload: Uint8Array, now: number): void;
  /** The caller's part when there was no answer; `isRefused`: the host said at once that nobody listens. */
  abstract giveUp(caller: Member, isRefused: boolean, now: number): void;

  /** Where the called one is reached, by the note that the caller holds; otherwise it is by the latest note. */
  by(addresses: readonly string[]): this {
    this.#addresses = addresses;
    return this;
  }

  get relays(): readonly Member[] {
    return this.#addresses ? relaysIn(this.#addresses, this.caller.world.byId) : this.target.relays;
  }

  begin(payload: Uint8Array): void {
    const { caller, target, requestKind } = this;
    const { world } = caller;
    if (target.isBehindNat) {
      this.#carriage = new Carriage(world, world.paths, this, payload);
      this.#carriage.begin();
      return;
    }
    // Where nobody is, a connection is refused or never made: nothing is sent on it.
    const isSent = target.state !== "down";
    if (requestKind && isSent) world.count(caller, target, requestKind, payload.length);
    const leg = new Leg(this, payload, false);
    const stuckMs = caller.isBehindNat ? this.#reconnected() : 0;
    if (stuckMs > 0) world.plan(stuckMs, leg.delayed());
    else leg.set();
  }

  /** The caller's session through its NAT: milliseconds for which it waits for one that is dead, before it makes another. */
  #reconnected(): number {
    const { caller, target, deadline } = this;
    const { paths, now } = caller.world;
    const isStuck = paths.hasSession(caller, target) && !paths.isAlive(caller, target);
    paths.called(caller, target);
    return isStuck ? patienceMs(now, deadline) : 0;
  }

  // --- What its carriage tells, when there is one ---

  counted(from: Seat, to: Seat, bytes: number, isRelayed: boolean): void {
    const kind = isRelayed ? "relayed" : this.requestKind;
    if (kind && bytes > 0) this.caller.world.count(from as Member, to as Member, kind, bytes);
  }

  arrived(payload: Uint8Array, way: Way): void {
    this.#way ??= way;
    new RelayedLeg(this, payload, way).happen();
  }

  returned(payload: Uint8Array): void {
    new Leg(this, payload, true).happen();
  }

  failed(isRefused: boolean): void {
    this.fail(this.caller.world.now, isRefused);
  }

  /** Sends the answer, after so many milliseconds; only the first one counts at the caller. */
  answer(payload: Uint8Array, delayMs = 0, way = this.#way): void {
    const { caller, target, answerKind } = this;
    const { world } = target;
    if (answerKind) world.count(target, caller, answerKind, payload.length);
    const carriage = this.#carriage;
    if (carriage && way) {
      world.plan(delayMs, new Action(() => carriage.back(payload, way)));
      return;
    }
    const leg = new Leg(this, payload, true);
    if (world.now + delayMs >= this.deadline) this.fail(this.deadline, false);
    else if (delayMs > 0) world.plan(delayMs, leg.delayed());
    else leg.set();
  }

  /** Plans the failure, once. */
  fail(at: number, isRefused: boolean): void {
    if (this.#isFailing || this.isOver) return;
    this.#isFailing = true;
    const { world } = this.caller;
    world.plan(Math.max(0, at - world.now), new Failure(this, isRefused));
  }
}

/** One direction of a call: flights of segments, each of what is still missing, until the last one is there. */
class Leg extends PlannedInput {
  readonly #call: Call;
  readonly #payload: Uint8Array;
  readonly #isAnswer: boolean;
  /** Flights in a row of which nothing arrived. */
  #fruitless = 0;
  #missingBytes: number;
  /** There is something to be sent when its time comes. */
  #isMissing = false;
  /** When all that has arrived was there. */
  #arrivedAt = 0;

  constructor(call: Call, payload: Uint8Array, isAnswer: boolean) {
    super(isAnswer ? call.caller : call.target, isAnswer ? call.life : ANY_LIFE);
    this.#call = call;
    this.#payload = payload;
    this.#missingBytes = payload.length;
    this.#isAnswer = isAnswer;
  }

  /** On which the answer goes back; undefined: straight. */
  protected get way(): Way | undefined {
    return undefined;
  }

  /** Set when its time comes, and not before. */
  delayed(): this {
    this.#isMissing = true;
    return this;
  }

  /** One flight. What is lost of it is sent again while the caller waits. */
  set(): void {
    const { caller, target, deadline } = this.#call;
    const { world } = caller;
    const from = this.#isAnswer ? target : caller;
    const bytes = this.member.state === "down" ? 0 : this.#missingBytes;
    const flight = world.network.flight(from.number, this.member.number, bytes);
    this.#missingBytes = Math.min(this.#payload.length, flight.lost * SEGMENT_BYTES);
    this.#isMissing = flight.lost > 0;
    this.#arrivedAt = Math.max(this.#arrivedAt, world.now + flight.delay);
    const wait = this.#isMissing ? this.#pause(flight) : this.#arrivedAt - world.now;
    const isLate = world.now + wait >= deadline;
    if (isLate) this.#call.fail(deadline, false);
    if (!isLate || (!this.#isMissing && !this.#isAnswer)) world.plan(wait, this);
  }

  /** Milliseconds until the sender sends again what is lost: those that arrived tell it so, or nothing does. */
  #pause({ arrived, delay }: Flight): number {
    if (arrived === 0) return RETRANSMIT_MS << Math.min(this.#fruitless++, DOUBLINGS_MAX);
    this.#fruitless = 0;
    return arrived < DUPLICATE_ACKS ? RETRANSMIT_MS : Math.min(RETRANSMIT_MS, 2 * delay);
  }

  override happen(): void {
    if (this.#isMissing) {
      this.set();
      return;
    }
    const { member } = this;
    if (!this.#isAnswer && member.state !== "up") this.#miss(member);
    member.world.deliver(this);
  }

  run(member: Member, now: number): void {
    const call = this.#call;
    if (!this.#isAnswer && member.refusal(call.caller.certificate)) this.#refuse(member);
    else if (!this.#isAnswer) {
      const answer = call.receive(member, this.#payload, now);
      if (answer) call.answer(answer, member.isCorrect ? 0 : member.delayTo(call.caller.id), this.way);
      else call.fail(call.deadline, false);
    } else if (!call.isOver) {
      call.isOver = true;
      call.finish(member, this.#payload, now);
    }
  }

  /** The target is not there, or stands still: the caller will hear of it, or of nothing. */
  #miss(target: Member): void {
    if (target.state === "down" && target.refuses) this.#refuse(target);
    else this.#call.fail(this.#call.deadline, false);
  }

  /** By the host, when nobody listens; or by the member, for whom the caller is revoked, an equivocator or past its dates. */
  #refuse(target: Member): void {
    const call = this.#call;
    const { world } = target;
    const { lost, delay } = world.network.flight(target.number, call.caller.number, 0);
    if (lost > 0) call.fail(call.deadline, false);
    else call.fail(Math.min(call.deadline, world.now + delay), target.state === "down");
  }
}

/** A request that is there, on one of several ways: its answer goes back on the same one. */
class RelayedLeg extends Leg {
  readonly #own: Way;

  constructor(call: Call, payload: Uint8Array, way: Way) {
    super(call, payload, false);
    this.#own = way;
  }

  protected override get way(): Way {
    return this.#own;
  }
}

class Failure extends PlannedInput {
  readonly #call: Call;
  readonly #isRefused: boolean;

  constructor(call: Call, isRefused: boolean) {
    super(call.caller, call.life);
    this.#call = call;
    this.#isRefused = isRefused;
  }

  run(member: Member, now: number): void {
    if (this.#call.isOver) return;
    this.#call.isOver = true;
    this.#call.giveUp(member, this.#isRefused, now);
  }
}

/**
 * The member that proves itself at one of the addresses as the one meant; undefined when there is none, or when the caller
 * has no connection with it (rules R12, R17, R18).
 */
export function reach(from: Member, { id, addresses }: Recipient): Member | undefined {
  for (const address of addresses) {
    const member = from.world.byAddress.get(address);
    if (!member || (id !== undefined && member.id !== id)) continue;
    return from.refusal(member.certificate) ? undefined : member;
  }
  return undefined;
}
