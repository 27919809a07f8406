/**
 * Calls on their way: a request, then an answer, each over a connection that repeats what gets lost. Every call ends once:
 * by its answer, or by its failure at the deadline, earlier only when the host says that nobody listens.
 */
import { CALL_TIMEOUT_MS, type Output, type Recipient } from "../gossip/index.js";
import type { TrafficKind } from "./actor.js";
import { ANY_LIFE, Input } from "./input.js";
import type { Member } from "./member.js";
import { LOST } from "./network.js";

/** The first wait before what got lost is sent again, milliseconds; it doubles (RFC 6298, with Linux's minimum). */
const RETRANSMIT_MS = 200;
/** ... so many times: to 51 s. */
const DOUBLINGS_MAX = 8;

/** What a call carries and what becomes of it; one class per purpose. */
export abstract class Call {
  readonly caller: Member;
  readonly life: number;
  readonly target: Member;
  /** The caller gives up at this virtual time. */
  readonly deadline: number;
  isOver = false;
  #isFailing = false;
  abstract readonly requestKind: TrafficKind | undefined;
  abstract readonly answerKind: TrafficKind | undefined;

  constructor(caller: Member, target: Member, timeoutMs: number) {
    this.caller = caller;
    this.life = caller.life;
    this.target = target;
    this.deadline = caller.engine.now + timeoutMs;
  }

  /** The target's part, as an input of its own. Its answer, or undefined: none, or later through `answer`. */
  abstract receive(target: Member, payload: Uint8Array, now: number): Uint8Array | undefined;
  /** The caller's part, as an input of its own. */
  abstract finish(caller: Member, payload: Uint8Array, now: number): void;
  /** The caller's part when there was no answer; `isRefused`: the host said at once that nobody listens. */
  abstract giveUp(caller: Member, isRefused: boolean, now: number): void;

  begin(payload: Uint8Array): void {
    const { caller, target, requestKind } = this;
    if (requestKind) caller.engine.count(caller, target, requestKind, payload.length);
    new Leg(this, payload, false).set();
  }

  /** Sends the answer, after so many milliseconds; only the first one counts at the caller. */
  answer(payload: Uint8Array, delayMs = 0): void {
    const { caller, target, answerKind } = this;
    const { engine } = target;
    if (answerKind) engine.count(target, caller, answerKind, payload.length);
    const leg = new Leg(this, payload, true);
    if (engine.now + delayMs >= this.deadline) this.fail(this.deadline, false);
    else if (delayMs > 0) engine.plan(delayMs, leg.delayed());
    else leg.set();
  }

  /** Plans the failure, once. */
  fail(at: number, isRefused: boolean): void {
    if (this.#isFailing || this.isOver) return;
    this.#isFailing = true;
    const { engine } = this.caller;
    engine.plan(Math.max(0, at - engine.now), new Failure(this, isRefused));
  }
}

/** One direction of a call, and the attempts at it. */
export class Leg extends Input {
  readonly #call: Call;
  readonly #payload: Uint8Array;
  readonly #isAnswer: boolean;
  #attempts = 0;
  #isLost = false;

  constructor(call: Call, payload: Uint8Array, isAnswer: boolean) {
    super(isAnswer ? call.caller : call.target, isAnswer ? call.life : ANY_LIFE);
    this.#call = call;
    this.#payload = payload;
    this.#isAnswer = isAnswer;
  }

  /** Set when its time comes, and not before. */
  delayed(): this {
    this.#isLost = true;
    return this;
  }

  /** One attempt. Lost, it is made again while the caller waits. */
  set(): void {
    const { caller, target, deadline } = this.#call;
    const { engine } = caller;
    const from = this.#isAnswer ? target : caller;
    const delay = engine.network.segments(from.number, this.member.number, this.#payload.length);
    this.#isLost = delay === LOST;
    const wait = this.#isLost ? RETRANSMIT_MS << Math.min(this.#attempts++, DOUBLINGS_MAX) : delay;
    const isLate = engine.now + wait >= deadline;
    if (isLate) this.#call.fail(deadline, false);
    if (!isLate || (!this.#isLost && !this.#isAnswer)) engine.plan(wait, this);
  }

  override happen(): void {
    if (this.#isLost) {
      this.set();
      return;
    }
    const { member } = this;
    if (!this.#isAnswer && member.state !== "up") this.#miss(member);
    member.engine.deliver(this);
  }

  run(member: Member, now: number): void {
    const call = this.#call;
    if (!this.#isAnswer && member.machine.refusal(call.caller.certificate)) this.#refuse(member);
    else if (!this.#isAnswer) {
      const answer = call.receive(member, this.#payload, now);
      if (answer) call.answer(answer, member.isCorrect ? 0 : member.delayTo(call.caller.id));
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

  /** By the host, when nobody listens; or by the member, for whom the caller is revoked or an equivocator. */
  #refuse(target: Member): void {
    const call = this.#call;
    const { engine } = target;
    const delay = engine.network.segments(target.number, call.caller.number, 0);
    if (delay === LOST) call.fail(call.deadline, false);
    else call.fail(Math.min(call.deadline, engine.now + delay), target.state === "down");
  }
}

class Failure extends Input {
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
 * holds against it what ends every connection (rules R12, R17).
 */
export function reach(from: Member, { id, addresses }: Recipient): Member | undefined {
  for (const address of addresses) {
    const member = from.engine.byAddress.get(address);
    if (!member || (id !== undefined && member.id !== id)) continue;
    return from.machine.refusal(member.certificate) ? undefined : member;
  }
  return undefined;
}

/** A machine's packet to a partner. */
class Exchange extends Call {
  override readonly requestKind = "call";
  override readonly answerKind = "answer";
  readonly #number: number;

  constructor(caller: Member, target: Member, timeoutMs: number, number: number) {
    super(caller, target, timeoutMs);
    this.#number = number;
  }

  receive(target: Member, packet: Uint8Array, now: number): Uint8Array | undefined {
    return target.answerTo(this.caller.id, packet, now);
  }

  finish(caller: Member, packet: Uint8Array, now: number): void {
    caller.machine.answered(this.#number, this.target.id, packet, now);
  }

  giveUp(caller: Member, _isRefused: boolean, now: number): void {
    caller.machine.failed(this.#number, now);
  }
}

/** A machine's question whether a member is there at all. */
class Try extends Call {
  override readonly requestKind = undefined;
  override readonly answerKind = undefined;

  receive(target: Member): Uint8Array | undefined {
    const answers = target.isCorrect || target.takesTry(this.caller.id);
    return answers ? NOTHING : undefined;
  }

  finish(caller: Member, _packet: Uint8Array, now: number): void {
    caller.machine.tried(this.target.id, true, now);
  }

  giveUp(caller: Member, isRefused: boolean, now: number): void {
    if (isRefused) caller.machine.refused(this.target.id, now);
    else caller.machine.tried(this.target.id, false, now);
  }
}

/** A behaviour's own packet. */
class OwnCall extends Call {
  override readonly requestKind = "call";
  override readonly answerKind = "answer";
  readonly #onAnswer: ((packet: Uint8Array) => void) | undefined;

  constructor(caller: Member, target: Member, onAnswer: ((packet: Uint8Array) => void) | undefined) {
    super(caller, target, CALL_TIMEOUT_MS);
    this.#onAnswer = onAnswer;
  }

  receive(target: Member, packet: Uint8Array, now: number): Uint8Array | undefined {
    return target.answerTo(this.caller.id, packet, now);
  }

  finish(_caller: Member, packet: Uint8Array): void {
    this.#onAnswer?.(packet);
  }

  giveUp(): void {}
}

/** Nobody is at the address: after its timeout the machine hears so. */
class Nobody extends Input {
  readonly #tell: (member: Member, now: number) => void;

  constructor(member: Member, tell: (member: Member, now: number) => void) {
    super(member, member.life);
    this.#tell = tell;
  }

  run(member: Member, now: number): void {
    this.#tell(member, now);
  }
}

const NOTHING = new Uint8Array(0);

export function exchange(member: Member, { call, to, packet, timeoutMs }: Extract<Output, { kind: "send" }>): void {
  const target = reach(member, to);
  if (target) new Exchange(member, target, timeoutMs, call).begin(packet);
  else member.engine.plan(timeoutMs, new Nobody(member, ({ machine }, now) => machine.failed(call, now)));
}

export function attempt(member: Member, { to, timeoutMs }: Extract<Output, { kind: "try" }>): void {
  const { id } = to;
  const target = reach(member, to);
  if (target) new Try(member, target, timeoutMs).begin(NOTHING);
  else if (id) member.engine.plan(timeoutMs, new Nobody(member, ({ machine }, now) => machine.tried(id, false, now)));
}

export function callOf(member: Member, to: Member, packet: Uint8Array, onAnswer?: (packet: Uint8Array) => void): void {
  new OwnCall(member, to, onAnswer).begin(packet);
}
