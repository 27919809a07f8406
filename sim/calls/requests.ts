/** What calls are for, beside applications: a machine's packet to a partner, its question who is there, a behaviour's own packet. */
import { CALL_TIMEOUT_MS, type Output } from "../../gossip/index.js";
import type { Member } from "../members/member.js";
import { Call, reach } from "./calls.js";

/** A try carries nothing, and so does its answer. */
const NOTHING = new Uint8Array(0);

/** A packet, and the packet that answers it. */
abstract class PacketCall extends Call {
  override readonly requestKind = "call";
  override readonly answerKind = "answer";

  receive(target: Member, packet: Uint8Array, now: number): Uint8Array | undefined {
    return target.answerTo(this.caller.id, packet, now);
  }
}

/** A machine's packet to a partner. */
class Exchange extends PacketCall {
  readonly #number: number;

  constructor(caller: Member, target: Member, timeoutMs: number, number: number) {
    super(caller, target, timeoutMs);
    this.#number = number;
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
  override readonly isTry = true;
  override readonly requestKind = undefined;
  override readonly answerKind = undefined;

  receive(target: Member): Uint8Array | undefined {
    const answers = target.isCorrect || target.takesTry(this.caller.id);
    return answers ? NOTHING : undefined;
  }

  finish(caller: Member, _packet: Uint8Array, now: number): void {
    caller.machine.tried(this.target.id, "answered", now);
  }

  giveUp(caller: Member, isRefused: boolean, now: number): void {
    caller.machine.tried(this.target.id, isRefused ? "refused" : "silent", now);
  }
}

/** A behaviour's own packet. */
class OwnCall extends PacketCall {
  readonly #onAnswer: ((packet: Uint8Array) => void) | undefined;

  constructor(caller: Member, target: Member, onAnswer: ((packet: Uint8Array) => void) | undefined) {
    super(caller, target, CALL_TIMEOUT_MS);
    this.#onAnswer = onAnswer;
  }

  finish(_caller: Member, packet: Uint8Array): void {
    this.#onAnswer?.(packet);
  }

  giveUp(): void {}
}

/** When nobody is at any of the addresses the machine hears so after its timeout. */
export function exchange(member: Member, { call, to, packet, timeoutMs }: Extract<Output, { kind: "send" }>): void {
  const target = reach(member, to);
  if (target) new Exchange(member, target, timeoutMs, call).by(to.addresses).begin(packet);
  else member.world.after(member, timeoutMs, () => member.machine.failed(call, member.now));
}

export function attempt(member: Member, { to, timeoutMs }: Extract<Output, { kind: "try" }>): void {
  const { id } = to;
  const target = reach(member, to);
  if (target) {
    new Try(member, target, timeoutMs).by(to.addresses).begin(NOTHING);
    return;
  }
  // No ping answers for a member behind a NAT whose certificate I take for ended: that I do not call it is no silence of its.
  const outcome = id && member.world.byId.get(id)?.isBehindNat ? "unable" : "silent";
  if (id) member.world.after(member, timeoutMs, () => member.machine.tried(id, outcome, member.now));
}

export function callOf(member: Member, to: Member, packet: Uint8Array, onAnswer?: (packet: Uint8Array) => void): void {
  new OwnCall(member, to, onAnswer).begin(packet);
}
