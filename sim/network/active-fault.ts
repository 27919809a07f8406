/** A fault that is in the network now: its sets of members as tables by number, asked for every packet. */
import type { Seat } from "../actor.js";
import type { Fault } from "./fault.js";

const TWO_32 = 4_294_967_296;

export class ActiveFault {
  readonly fault: Fault;
  readonly loss: number;
  readonly duplicates: number;
  readonly #since: number;
  readonly #seed: number;
  readonly #from: Uint8Array | undefined;
  readonly #to: Uint8Array | undefined;
  /** 1 + number of the group; 0 for none. */
  readonly #groups: Uint16Array | undefined;
  readonly #kind: Fault["kind"];

  constructor(fault: Fault, now: number, seed: number) {
    this.fault = fault;
    this.loss = fault.loss ?? 0;
    this.duplicates = fault.duplicates ?? 0;
    this.#since = now;
    this.#seed = seed;
    this.#from = fault.from && tableOf(fault.from);
    this.#to = fault.to && tableOf(fault.to);
    this.#groups = fault.between && groupsOf(fault.between);
    this.#kind = fault.kind;
  }

  /** Is a packet from one member to another, by their numbers, concerned at this time? */
  concerns(from: number, to: number, isDatagram: boolean, now: number): boolean {
    if (this.#kind !== undefined && (this.#kind === "datagrams") !== isDatagram) return false;
    if (!this.#isOn(now)) return false;
    if (this.#groups && !this.#divides(this.#groups, from, to)) return false;
    if (!this.#matches(from, to) && !(this.fault.bothWays && this.#matches(to, from))) return false;
    const { links = 1 } = this.fault;
    return links >= 1 || linkShare(this.#seed, from, to) < links;
  }

  #isOn(now: number): boolean {
    const { flap } = this.fault;
    return !flap || (now - this.#since) % (flap.onMs + flap.offMs) < flap.onMs;
  }

  #divides(groups: Uint16Array, from: number, to: number): boolean {
    const mine = groups[from] ?? 0;
    const other = groups[to] ?? 0;
    return mine !== 0 && other !== 0 && mine !== other;
  }

  #matches(from: number, to: number): boolean {
    return (!this.#from || this.#from[from] === 1) && (!this.#to || this.#to[to] === 1);
  }
}

/** A number in [0, 1) that belongs to a link, one way, and stays. */
export function linkShare(seed: number, from: number, to: number): number {
  let mixed = Math.imul(seed ^ Math.imul(from + 1, 0x9e3779b1), 0x85ebca6b) ^ Math.imul(to + 1, 0xc2b2ae35);
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return ((mixed ^ (mixed >>> 16)) >>> 0) / TWO_32;
}

function tableOf(seats: readonly Seat[]): Uint8Array {
  const table = new Uint8Array(lengthFor(seats));
  for (const seat of seats) table[seat.number] = 1;
  return table;
}

function groupsOf(groups: readonly (readonly Seat[])[]): Uint16Array {
  const table = new Uint16Array(lengthFor(groups.flat()));
  groups.forEach((group, index) => {
    for (const seat of group) table[seat.number] = index + 1;
  });
  return table;
}

function lengthFor(seats: readonly Seat[]): number {
  return seats.reduce((length, seat) => Math.max(length, seat.number + 1), 0);
}
