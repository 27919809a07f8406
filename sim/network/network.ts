/**
 * The network between members: decides of each packet whether and when it arrives. Datagrams get lost, arrive twice and
 * overtake each other. Calls and messages ride on connections, in segments: what is lost of them is sent again, and costs time.
 */

import type { Chance } from "../chance.js";
import { ActiveFault, linkShare } from "./active-fault.js";
import { checkFault, type Fault } from "./fault.js";
import { checkLatency, LAN_LATENCY, type Latency, latencyAt } from "./latency.js";

export interface NetworkOptions {
  /** One-way milliseconds as a table of quantiles. Default LAN_LATENCY. */
  readonly latency: Latency;
  /** How much of a packet's place in that table is drawn anew for each, the rest belonging to its link. 0 to 1, default 1. */
  readonly jitter: number;
  /** Share of packets lost on every link, 0 to 1. */
  readonly loss: number;
  /** Share of datagrams that arrive twice, 0 to 1. */
  readonly duplicates: number;
  /** Share of datagrams held back by up to REORDER_LATENCIES more latencies, so that others overtake them. 0 to 1. */
  readonly reordering: number;
  /** Bytes per second that each member can send, and as many that it can receive. Default: no limit. */
  readonly bytesPerSecond: number;
}

/** In place of the milliseconds of a packet that does not arrive. */
export const LOST = -1;

const DEFAULTS: NetworkOptions = {
  latency: LAN_LATENCY,
  jitter: 1,
  loss: 0,
  duplicates: 0,
  reordering: 0,
  bytesPerSecond: Number.POSITIVE_INFINITY,
};
/** Latencies by which a reordered datagram comes late, at most. */
const REORDER_LATENCIES = 4;
/** Bytes of one segment of a connection: Ethernet's 1,500 without the headers of IP, TCP and TLS. */
export const SEGMENT_BYTES = 1400;
/** Segments of a flight that are drawn one by one, at most: of a longer one as large a share gets lost as of so many. */
const SEGMENTS_DRAWN_MAX = 1024;
/** A queue at a full line that is longer drops datagrams, milliseconds: what routers hold before they drop. */
const QUEUE_MS_MAX = 500;

/** What became of the segments that were sent at one moment over a connection. */
export interface Flight {
  readonly lost: number;
  readonly arrived: number;
  /** Milliseconds until the last one is there that arrives; 0 when none does. */
  readonly delay: number;
}

export class Network {
  readonly options: NetworkOptions;
  readonly #chance: Chance;
  readonly #seed: number;
  readonly #now: () => number;
  readonly #onChange: (what: string) => void;
  readonly #active: ActiveFault[] = [];
  /** When each member's line out, and in, is free again, by number. Used with a limited bandwidth only. */
  readonly #outFreeAt: number[] = [];
  readonly #inFreeAt: number[] = [];

  constructor(parts: {
    readonly options: Partial<NetworkOptions>;
    readonly chance: Chance;
    readonly now: () => number;
    readonly onChange: (what: string) => void;
  }) {
    this.options = { ...DEFAULTS, ...parts.options };
    checkOptions(this.options);
    this.#chance = parts.chance;
    this.#seed = parts.chance.uint32();
    this.#now = parts.now;
    this.#onChange = parts.onChange;
  }

  /** Those in the network now, oldest first. */
  get faults(): readonly Fault[] {
    return this.#active.map(({ fault }) => fault);
  }

  /** From now on, until it is removed. Returns it. Throws RangeError when a value is outside its range. */
  add(fault: Fault): Fault {
    checkFault(fault);
    this.#active.push(new ActiveFault(fault, this.#now(), this.#chance.uint32()));
    this.#onChange(`${fault.name}: begins`);
    return fault;
  }

  /** Takes away a fault that was added; nothing happens when it is not there. */
  remove(fault: Fault): void {
    const index = this.#active.findIndex((active) => active.fault === fault);
    if (index < 0) return;
    this.#active.splice(index, 1);
    this.#onChange(`${fault.name}: ends`);
  }

  /** Takes away all faults. */
  heal(): void {
    for (const { fault } of [...this.#active]) this.remove(fault);
  }

  /** Milliseconds that a datagram between two members, by number, takes; or LOST. */
  datagram(from: number, to: number, bytes: number): number {
    const { loss, reordering } = this.options;
    if (this.#chance.happens(loss)) return LOST;
    let delay = this.#latency(from, to);
    if (this.#chance.happens(reordering)) delay += REORDER_LATENCIES * this.#chance.number() * delay;
    const added = this.#active.length > 0 ? this.#suffer(from, to) : 0;
    const queued = added === LOST ? LOST : this.#queue(from, to, bytes, true);
    return queued === LOST ? LOST : delay + added + queued;
  }

  /** So many bytes over a connection, in segments of which each may get lost. */
  flight(from: number, to: number, bytes: number): Flight {
    const segments = Math.max(1, Math.ceil(bytes / SEGMENT_BYTES));
    const { loss, added } = this.#disturbed(from, to);
    const lost = this.#lostOf(segments, loss);
    if (lost === segments) return { lost, arrived: 0, delay: 0 };
    const delay = this.#latency(from, to) + added + this.#queue(from, to, bytes, false);
    return { lost, arrived: segments - lost, delay };
  }

  /** Does this datagram arrive a second time? */
  isTwice(from: number, to: number): boolean {
    if (this.#chance.happens(this.options.duplicates)) return true;
    for (const active of this.#active) {
      if (active.duplicates > 0 && active.concerns(from, to, true, this.#now())) {
        if (this.#chance.happens(active.duplicates)) return true;
      }
    }
    return false;
  }

  #lostOf(segments: number, loss: number): number {
    if (loss <= 0 || loss >= 1) return loss <= 0 ? 0 : segments;
    const drawn = Math.min(segments, SEGMENTS_DRAWN_MAX);
    let lost = 0;
    for (let segment = 0; segment < drawn; segment++) if (this.#chance.happens(loss)) lost += 1;
    return Math.round((lost * segments) / drawn);
  }

  #latency(from: number, to: number): number {
    const { latency, jitter } = this.options;
    if (jitter >= 1) return latencyAt(latency, this.#chance.number());
    const own = linkShare(this.#seed, Math.min(from, to), Math.max(from, to));
    return latencyAt(latency, own * (1 - jitter) + this.#chance.number() * jitter);
  }

  /** Milliseconds that faults add to a datagram; or LOST. */
  #suffer(from: number, to: number): number {
    let added = 0;
    const now = this.#now();
    for (const active of this.#active) {
      if (!active.concerns(from, to, true, now)) continue;
      if (this.#chance.happens(active.loss)) return LOST;
      added += this.#heldUp(active);
    }
    return added;
  }

  /** The share of segments that is lost on a connection, all in all, and the milliseconds that faults add to a flight. */
  #disturbed(from: number, to: number): { readonly loss: number; readonly added: number } {
    let passes = 1 - this.options.loss;
    let added = 0;
    const now = this.#now();
    for (const active of this.#active) {
      if (!active.concerns(from, to, false, now)) continue;
      passes *= 1 - active.loss;
      added += this.#heldUp(active);
    }
    return { loss: 1 - passes, added };
  }

  #heldUp({ fault: { delayMs = 0, delayed = 1 } }: ActiveFault): number {
    return delayMs > 0 && this.#chance.happens(delayed) ? delayMs : 0;
  }

  /** The wait for the sender's line, then for the receiver's, and the time on them. */
  #queue(from: number, to: number, bytes: number, isDatagram: boolean): number {
    if (this.options.bytesPerSecond === Number.POSITIVE_INFINITY) return 0;
    const now = this.#now();
    const onLine = (1000 * bytes) / this.options.bytesPerSecond;
    const sent = Math.max(now, this.#outFreeAt[from] ?? 0) + onLine;
    const received = Math.max(sent, this.#inFreeAt[to] ?? 0) + onLine;
    if (isDatagram && received - now > QUEUE_MS_MAX) return LOST;
    this.#outFreeAt[from] = sent;
    this.#inFreeAt[to] = received;
    return received - now;
  }
}

function checkOptions(options: NetworkOptions): void {
  checkLatency(options.latency);
  const { jitter, loss, duplicates, reordering, bytesPerSecond } = options;
  for (const [name, share] of Object.entries({ jitter, loss, duplicates, reordering })) {
    if (!(share >= 0 && share <= 1)) throw new RangeError(`${name} must be 0 to 1, not ${share}`);
  }
  if (!(bytesPerSecond > 0)) throw new RangeError(`bytesPerSecond must be above 0, not ${bytesPerSecond}`);
}
