/** Ends what was begun and does not come: a message of which hardly a byte arrives would be held for ever. */

/** Of a message that was begun, in milliseconds: twice this at most, then it is given up. */
export const STALL_MS = 10_000;
/** So many bytes must arrive in that time: 100 a second, which any path has. */
export const STALL_BYTES_MIN = 1024;
/** A sweep that is later than this, in milliseconds, found a process that did not run: nobody else's fault. */
const LATE_MS = 1_000;

export interface Stallable {
  /** Bytes that have come since it was begun. */
  readonly received: number;
  /** It waits for its own reader, not for bytes. */
  readonly isPaused: boolean;
  stalled(): void;
}

export class Stalls {
  /** With the bytes at the last sweep; -1 for what has begun since. */
  readonly #begun = new Map<Stallable, number>();
  #timer: NodeJS.Timeout | undefined;
  #dueAt = 0;

  begin(one: Stallable): void {
    this.#begun.set(one, -1);
    this.#timer ??= this.#arm();
  }

  end(one: Stallable): void {
    this.#begun.delete(one);
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#begun.clear();
  }

  #arm(): NodeJS.Timeout {
    this.#dueAt = performance.now() + STALL_MS;
    return setTimeout(() => this.#sweep(), STALL_MS).unref();
  }

  #sweep(): void {
    const isLate = performance.now() - this.#dueAt > LATE_MS;
    for (const [one, before] of [...this.#begun]) {
      const isStalled = before >= 0 && !isLate && !one.isPaused && one.received - before < STALL_BYTES_MIN;
      if (isStalled) one.stalled();
      else this.#begun.set(one, one.received);
    }
    this.#timer = this.#begun.size > 0 ? this.#arm() : undefined;
  }
}
