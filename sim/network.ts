/**
 * The network between members: decides of each packet whether and when it arrives. Datagrams get lost, arrive twice and
 * overtake each other. Calls and messages ride on connections: what is lost is sent again, and costs time.
 */
import { ActiveFault, linkShare } from "./active-fault.js";
import type { Chance } from "./chance.js";
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
const SEGMENT_BYTES = 1400;
/** A queue at a full line that is longer drops datagrams, milliseconds: what routers hold before they drop. */
const QUEUE_MS_MAX = 500;

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
    return this.#transit(from, to, bytes, true);
  }

  /** As many milliseconds for one attempt to bring `bytes` over a connection; or LOST, and it is tried again. */
  segments(from: number, to: number, bytes: number): number {
    return this.#transit(from, to, bytes, false);
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

  #transit(from: number, to: number, bytes: number, isDatagram: boolean): number {
    const { options } = this;
    const packets = isDatagram || options.loss === 0 ? 1 : Math.max(1, Math.ceil(bytes / SEGMENT_BYTES));
    for (let packet = 0; packet < packets; packet++) if (this.#chance.happens(options.loss)) return LOST;
    let delay = this.#latency(from, to);
    if (isDatagram && this.#chance.happens(options.reordering)) {
      delay += REORDER_LATENCIES * this.#chance.number() * delay;
    }
    if (this.#active.length > 0) {
      const added = this.#suffer(from, to, isDatagram);
      if (added === LOST) return LOST;
      delay += added;
    }
    if (options.bytesPerSecond === Number.POSITIVE_INFINITY) return delay;
    const queued = this.#queue(from, to, bytes, isDatagram);
    return queued === LOST ? LOST : delay + queued;
  }

  #latency(from: number, to: number): number {
    const { latency, jitter } = this.options;
    if (jitter >= 1) return latencyAt(latency, this.#chance.number());
    const own = linkShare(this.#seed, Math.min(from, to), Math.max(from, to));
    return latencyAt(latency, own * (1 - jitter) + this.#chance.number() * jitter);
  }

  /** Milliseconds that faults add; or LOST. */
  #suffer(from: number, to: number, isDatagram: boolean): number {
    let added = 0;
    const now = this.#now();
    for (const active of this.#active) {
      if (!active.concerns(from, to, isDatagram, now)) continue;
      if (this.#chance.happens(active.loss)) return LOST;
      const { delayMs = 0, delayed = 1 } = active.fault;
      if (delayMs > 0 && this.#chance.happens(delayed)) added += delayMs;
    }
    return added;
  }

  /** The wait for the sender's line, then for the receiver's, and the time on them. */
  #queue(from: number, to: number, bytes: number, isDatagram: boolean): number {
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
