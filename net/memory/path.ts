/** How bytes travel between two places in memory: how long they take, and what happens to those that a path loses. */

/** What a network between two places does to what is sent. Everything is optional: nothing is lost, at once. */
export interface PathOptions {
  /** One way, milliseconds. Default 0. */
  readonly latencyMs?: number | undefined;
  /** Added to each datagram's or chunk's latency, from 0 to so many milliseconds. Default 0. */
  readonly jitterMs?: number | undefined;
  /** The share that is lost, 0 to 1. A lost datagram is gone; of a stream it comes later. Default 0. */
  readonly loss?: number | undefined;
  /** Of one direction. Default: no limit. */
  readonly bytesPerSecond?: number | undefined;
}

/** Of a stream, what was lost comes later by so much and twice the latency, milliseconds (RFC 6298: a second at first, less soon). */
const RETRANSMIT_MS = 200;
/** Bytes of one packet: a chunk of many is lost more likely than one of a few. */
const PACKET_BYTES = 1_400;

/** A path as it is now. */
export interface PathState {
  /** Nothing on it takes time. */
  readonly isInstant: boolean;
  /** When what is sent now arrives, monotonic milliseconds; never before what the same sender sent earlier. */
  due(sender: object, bytes: number): number;
  /** As `due` for a datagram: undefined when it is lost. Datagrams overtake each other. */
  datagramDue(bytes: number): number | undefined;
}

export const NEVER_SLOW: PathState = { isInstant: true, due: () => 0, datagramDue: () => 0 };

/** Throws a RangeError for what no path can be. */
export function checkedPath({ latencyMs = 0, jitterMs = 0, loss = 0, bytesPerSecond }: PathOptions): PathOptions {
  if (!(latencyMs >= 0) || !(jitterMs >= 0)) throw new RangeError("Latency and jitter are milliseconds from 0 on.");
  if (!(loss >= 0 && loss <= 1)) throw new RangeError("Loss is a share from 0 to 1.");
  if (bytesPerSecond !== undefined && !(bytesPerSecond > 0)) throw new RangeError("bytesPerSecond is above 0.");
  return { latencyMs, jitterMs, loss, bytesPerSecond };
}

/** One direction over several stretches: their times add up, the narrowest decides how much passes. */
export class Path implements PathState {
  readonly #stretches: () => readonly PathOptions[];
  readonly #random: () => number;
  readonly #lastDue = new WeakMap<object, number>();
  #freeAt = 0;

  constructor(stretches: () => readonly PathOptions[], random: () => number) {
    this.#stretches = stretches;
    this.#random = random;
  }

  get isInstant(): boolean {
    return this.#stretches().every(
      ({ latencyMs = 0, jitterMs = 0, loss = 0, bytesPerSecond }) =>
        latencyMs + jitterMs + loss === 0 && bytesPerSecond === undefined,
    );
  }

  due(sender: object, bytes: number): number {
    if (this.isInstant && !this.#lastDue.has(sender)) return 0;
    const again = this.#isLost(Math.ceil(bytes / PACKET_BYTES)) ? RETRANSMIT_MS + 2 * this.#latency : 0;
    const due = Math.max(this.#arrival(bytes) + again, this.#lastDue.get(sender) ?? 0);
    this.#lastDue.set(sender, due);
    return due;
  }

  datagramDue(bytes: number): number | undefined {
    return this.#isLost(1) ? undefined : this.#arrival(bytes);
  }

  get #latency(): number {
    return this.#stretches().reduce((sum, { latencyMs = 0 }) => sum + latencyMs, 0);
  }

  #isLost(packets: number): boolean {
    const kept = this.#stretches().reduce((share, { loss = 0 }) => share * (1 - loss), 1);
    return kept < 1 && this.#random() >= kept ** Math.max(1, packets);
  }

  #arrival(bytes: number): number {
    const stretches = this.#stretches();
    const jitter = stretches.reduce((sum, { jitterMs = 0 }) => sum + jitterMs * (jitterMs > 0 ? this.#random() : 0), 0);
    const narrowest = Math.min(...stretches.map(({ bytesPerSecond = Number.POSITIVE_INFINITY }) => bytesPerSecond));
    const leaves = Math.max(performance.now(), this.#freeAt);
    this.#freeAt = leaves + (bytes / narrowest) * 1_000;
    return this.#freeAt + this.#latency + jitter;
  }
}
