/**
 * How much the other end may send ahead of its readers here. HTTP/2 fills a window whatever the path: on a slow one, a bulk
 * stream that filled 1 MiB would hold up every message of the same session for as long as that takes. So a session begins
 * with HTTP/2's own window, and grows it while what arrives within a round trip says that the path empties it quickly. The
 * measure is gRPC's (a ping, and the bytes until its answer); what it decides is how long a window may take to arrive.
 */
import { WINDOW_BYTES } from "./limits.js";

/** HTTP/2's own (RFC 9113, 6.9.2). */
export const WINDOW_BYTES_MIN = 65_535;
/** How long a full window may take to arrive, in milliseconds: what a message waits behind bulk data at most ... */
const QUEUE_MS = 500;
/** ... or this many round trips: without them a path with long ones is never filled. */
const ROUND_TRIPS = 2;
/**
 * A window grows to the limit in so many steps at most. Each is a SETTINGS frame. Node lets ten of them wait for the other
 * end's acknowledgement, and ends the session at one more.
 */
const STEPS_MAX = 7;
/** Bytes that come between two measurements at least: less traffic needs no larger window. */
const MEASURED_BYTES = 16 * 1024;

/** Bytes, and the milliseconds in which they came. */
export interface Sample {
  readonly bytes: number;
  readonly ms: number;
}

/** The window in bytes after a sample; `shortestMs` is the shortest round trip so far. It never becomes smaller. */
export function windowAfter(window: number, { bytes, ms }: Sample, shortestMs: number, max = WINDOW_BYTES): number {
  const queueMs = Math.max(QUEUE_MS, ROUND_TRIPS * shortestMs);
  const wanted = ms > 0 ? (bytes / ms) * queueMs : max;
  const grown = Math.min(max, Math.floor(wanted));
  return grown >= Math.min(max, window * growthMin(max)) ? grown : window;
}

function growthMin(max: number): number {
  return (max / WINDOW_BYTES_MIN) ** (1 / STEPS_MAX);
}

export interface Windowed {
  /** Counts up with everything that arrives. */
  readonly bytesRead: number;
  /** Monotonic milliseconds. */
  now(): number;
  /** Calls back with the answer; never, if the session ends before. */
  measure(done: () => void): void;
  /** Of the session, and of each of its streams. */
  setWindow(bytes: number): void;
}

export class ReceiveWindow {
  readonly #subject: Windowed;
  readonly #max: number;
  #bytes = WINDOW_BYTES_MIN;
  #shortestMs = Number.POSITIVE_INFINITY;
  #measuredAt = 0;
  #isMeasuring = false;

  /** `max`: bytes that the window grows to. */
  constructor(subject: Windowed, max: number = WINDOW_BYTES) {
    this.#subject = subject;
    this.#max = max;
  }

  /** A round trip was measured, in milliseconds. */
  tookRoundTrip(ms: number): void {
    this.#shortestMs = Math.min(this.#shortestMs, ms);
  }

  /** Bytes of a call or a duplex have come. */
  arrived(): void {
    const { bytesRead } = this.#subject;
    if (this.#isMeasuring || this.#bytes >= this.#max || bytesRead - this.#measuredAt < MEASURED_BYTES) return;
    const since = this.#subject.now();
    this.#isMeasuring = true;
    this.#subject.measure(() => this.#measured(bytesRead, since));
  }

  #measured(bytesBefore: number, since: number): void {
    const { bytesRead } = this.#subject;
    const sample = { bytes: bytesRead - bytesBefore, ms: this.#subject.now() - since };
    this.#isMeasuring = false;
    this.#measuredAt = bytesRead;
    this.tookRoundTrip(sample.ms);
    const bytes = windowAfter(this.#bytes, sample, this.#shortestMs, this.#max);
    if (bytes === this.#bytes) return;
    this.#bytes = bytes;
    this.#subject.setWindow(bytes);
  }
}
