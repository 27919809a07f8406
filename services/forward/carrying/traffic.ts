/** Figures of one forward, listener or proxy: what passes, what was refused, and what failed last. */
import type { FirefliesError } from "../../../identity/index.js";

export interface TrafficFigures {
  /** Open now: connections, or flows of datagrams. */
  readonly streams: number;
  /** Since the start, those that are open among them. */
  readonly total: number;
  /** Not let in: by access, or by a limit. */
  readonly refused: number;
  /** Ended out of order, or never came about. */
  readonly failed: number;
  /** Bytes from members to the local program. */
  readonly bytesIn: number;
  /** Bytes from the local program to members. */
  readonly bytesOut: number;
  readonly lastError: LastError | undefined;
}

export interface LastError {
  readonly code: string;
  readonly message: string;
  /** Unix time in milliseconds. */
  readonly at: number;
}

/** Counted by whoever carries the bytes. */
export class Traffic {
  bytesIn = 0;
  bytesOut = 0;
  #streams = 0;
  #total = 0;
  #refused = 0;
  #failed = 0;
  #lastError: LastError | undefined;
  readonly #now: () => number;

  constructor(now: () => number) {
    this.#now = now;
  }

  get streams(): number {
    return this.#streams;
  }

  began(): void {
    this.#streams += 1;
    this.#total += 1;
  }

  /** One that had begun is over, and why if it did not end in order. */
  ended(error?: FirefliesError): void {
    this.#streams -= 1;
    if (error === undefined) return;
    this.#failed += 1;
    this.#note(error);
  }

  refused(error: FirefliesError): void {
    this.#refused += 1;
    this.#note(error);
  }

  figures(): TrafficFigures {
    return {
      streams: this.#streams,
      total: this.#total,
      refused: this.#refused,
      failed: this.#failed,
      bytesIn: this.bytesIn,
      bytesOut: this.bytesOut,
      lastError: this.#lastError,
    };
  }

  #note({ code, message }: FirefliesError): void {
    this.#lastError = { code, message, at: this.#now() };
  }
}
