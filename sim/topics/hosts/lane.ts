/**
 * What one member sends another over the session between them: packets in their order, each once. What gets lost of a packet
 * is sent again while those behind it wait, as on a connection of TCP. A session ends when one side's life does, or when
 * nothing has passed for SESSION_MS; what it still held is gone then, and the sender is told.
 */
import { Action } from "../../calendar.js";
import { PlannedInput } from "../../members/input.js";
import type { Member } from "../../members/member.js";
import { SEGMENT_BYTES } from "../../network/network.js";

/** Milliseconds without any progress after which a session counts as dead: the keep-alive of net/session. */
export const SESSION_MS = 10_000;
/** As in calls/calls.ts: Linux's least wait before what got lost is sent again, and how often it doubles. */
const RETRANSMIT_MS = 200;
const DOUBLINGS_MAX = 5;
/** So many segments that arrive behind a lost one tell the sender of it within one round trip (RFC 5681, 3.2). */
const DUPLICATE_ACKS = 3;

export interface LaneEnds {
  readonly from: Member;
  readonly to: Member;
  /** The sender's part: the session is over. */
  ended(now: number): void;
}

interface Entry {
  readonly packet: Uint8Array;
  /** The target's part. */
  readonly received: (now: number) => void;
  missingBytes: number;
  isThere: boolean;
  fruitless: number;
}

export class Lane {
  readonly #ends: LaneEnds;
  readonly #fromLife: number;
  readonly #toLife: number;
  readonly #queue: Entry[] = [];
  #progressAt: number;
  #isOver = false;
  /** Bytes that were sent and did not arrive yet. */
  bytes = 0;

  constructor(ends: LaneEnds) {
    this.#ends = ends;
    this.#fromLife = ends.from.life;
    this.#toLife = ends.to.life;
    this.#progressAt = ends.from.now;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** Of the lives that it was made for? */
  isOf(from: Member, to: Member): boolean {
    return !this.#isOver && this.#fromLife === from.life && this.#toLife === to.life;
  }

  send(packet: Uint8Array, received: (now: number) => void): void {
    if (this.#isOver) return;
    if (this.#queue.length === 0) this.#progressAt = this.#ends.from.now;
    const entry: Entry = { packet, received, missingBytes: packet.length, isThere: false, fruitless: 0 };
    this.#queue.push(entry);
    this.bytes += packet.length;
    this.#fly(entry);
  }

  #fly(entry: Entry): void {
    const { from, to } = this.#ends;
    if (this.#isOver) return;
    if (this.#isBroken(from, to)) {
      this.#end();
      return;
    }
    const { world } = from;
    const { lost, arrived, delay } = world.network.flight(from.number, to.number, entry.missingBytes);
    if (lost === 0) {
      world.plan(delay, new Action(() => this.#arrive(entry)));
      return;
    }
    entry.missingBytes = Math.min(entry.packet.length, lost * SEGMENT_BYTES);
    entry.fruitless = arrived === 0 ? entry.fruitless + 1 : 0;
    const doubled = RETRANSMIT_MS << Math.min(Math.max(0, entry.fruitless - 1), DOUBLINGS_MAX);
    const pause = arrived < DUPLICATE_ACKS ? doubled : Math.min(RETRANSMIT_MS, 2 * delay);
    world.plan(pause, new Action(() => this.#fly(entry)));
  }

  #arrive(entry: Entry): void {
    entry.isThere = true;
    const { to } = this.#ends;
    // Nobody is there any more: the sender learns it from what it waits for.
    if (to.life !== this.#toLife || to.state === "down") {
      this.#miss();
      return;
    }
    while (this.#queue[0]?.isThere) {
      const { packet, received } = this.#queue.shift()!;
      this.bytes -= packet.length;
      this.#progressAt = to.now;
      to.world.deliver(new Arrival(to, this.#toLife, received));
    }
  }

  /** A host that is there says at once that its end is gone; of one that is not, silence tells. */
  #miss(): void {
    const { from, to } = this.#ends;
    const isThere = to.life !== this.#toLife || to.refuses;
    const { lost, delay } = from.world.network.flight(to.number, from.number, 0);
    const wait = isThere && lost === 0 ? delay : Math.max(0, this.#progressAt + SESSION_MS - from.now);
    from.world.plan(wait, new Action(() => this.#end()));
  }

  #isBroken(from: Member, to: Member): boolean {
    const isStuck = from.now - this.#progressAt >= SESSION_MS;
    return isStuck || from.life !== this.#fromLife || from.state === "down" || isRefused(from, to);
  }

  #end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#queue.length = 0;
    this.bytes = 0;
    const { from, ended } = this.#ends;
    from.world.deliver(new Arrival(from, this.#fromLife, ended));
  }
}

/** Something that a member is told by its session. */
export class Arrival extends PlannedInput {
  readonly #tell: (now: number) => void;

  constructor(member: Member, life: number, tell: (now: number) => void) {
    super(member, life);
    this.#tell = tell;
  }

  run(_member: Member, now: number): void {
    this.#tell(now);
  }
}

/** Would the target not talk to the sender (rules R12, R17)? */
function isRefused(from: Member, to: Member): boolean {
  return to.hasStarted && to.refusal(from.certificate) !== undefined;
}
