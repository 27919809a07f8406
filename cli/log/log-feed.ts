/** The lines of a log for those who follow it: each reader has a bounded queue, and is told how many it missed. */
import { onAbort } from "../../net/abort.js";

/** Lines kept for a slow reader; beyond it the oldest are left out and counted. */
const LINES_MAX = 1_000;

type Line = Readonly<Record<string, unknown>>;

export class LogFeed {
  readonly #readers = new Set<Reader>();

  /** Nobody follows: no line need be made. */
  get isIdle(): boolean {
    return this.#readers.size === 0;
  }

  publish(line: Line): void {
    for (const reader of this.#readers) reader.push(line);
  }

  /** From now on, until the signal fires. */
  async *follow(signal: AbortSignal): AsyncGenerator<Line, void> {
    const reader = new Reader();
    this.#readers.add(reader);
    const unwatch = onAbort(signal, () => reader.close());
    try {
      yield* reader.lines();
    } finally {
      unwatch();
      this.#readers.delete(reader);
    }
  }
}

class Reader {
  readonly #waiting: Line[] = [];
  #leftOut = 0;
  #isOver = false;
  #wake = () => {};

  push(line: Line): void {
    this.#waiting.push(line);
    if (this.#waiting.length > LINES_MAX) {
      this.#waiting.shift();
      this.#leftOut += 1;
    }
    this.#wake();
  }

  close(): void {
    this.#isOver = true;
    this.#wake();
  }

  async *lines(): AsyncGenerator<Line, void> {
    for (;;) {
      if (this.#leftOut > 0) {
        const lines = this.#leftOut;
        this.#leftOut = 0;
        yield { time: new Date().toISOString(), level: "warn", event: "left-out", lines };
      }
      const next = this.#waiting.shift();
      if (next !== undefined) yield next;
      else if (this.#isOver) return;
      else
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
    }
  }
}
