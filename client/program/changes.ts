/** Changes of the view for those who iterate over them: each reader has a bounded queue and is told what it missed. */
import { onAbort } from "../../net/abort.js";
import type { Change } from "../types.js";

/** Changes kept for a slow reader; beyond it the oldest are dropped and counted. */
export const CHANGES_MAX = 4096;

export class ChangeFeed {
  readonly #readers = new Set<Reader>();
  readonly #onChange: (change: Change) => void;

  constructor(onChange: (change: Change) => void = () => {}) {
    this.#onChange = onChange;
  }

  publish(change: Change): void {
    this.#onChange(change);
    for (const reader of this.#readers) reader.push(change);
  }

  /** For those who asked for paths. `make` runs when there is one. */
  publishPath(make: () => Change | undefined): void {
    const readers = [...this.#readers].filter(({ wantsPaths }) => wantsPaths);
    const change = readers.length > 0 ? make() : undefined;
    if (change) for (const reader of readers) reader.push(change);
  }

  /** Begins with `first`; ends with the signal or when the feed closes. */
  subscribe(first: readonly Change[], signal?: AbortSignal, wantsPaths = false): AsyncIterableIterator<Change> {
    const reader: Reader = new Reader(first, wantsPaths, () => {
      this.#readers.delete(reader);
      unwatch();
    });
    this.#readers.add(reader);
    // Fires at once for a signal that has.
    let unwatch = () => {};
    unwatch = onAbort(signal, () => reader.close());
    return reader;
  }

  close(): void {
    for (const reader of [...this.#readers]) reader.close();
  }
}

class Reader implements AsyncIterableIterator<Change> {
  readonly wantsPaths: boolean;
  readonly #queue: Change[];
  readonly #onClose: () => void;
  readonly #waiting: ((result: IteratorResult<Change>) => void)[] = [];
  #dropped = 0;
  /** Of those dropped the last that says how I stand myself: no list of members would tell. */
  #standing: Change | undefined;
  #closed = false;

  constructor(first: readonly Change[], wantsPaths: boolean, onClose: () => void) {
    this.#queue = [...first];
    this.wantsPaths = wantsPaths;
    this.#onClose = onClose;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  push(change: Change): void {
    const waiting = this.#waiting.shift();
    if (waiting) {
      waiting({ value: change, done: false });
      return;
    }
    this.#queue.push(change);
    if (this.#queue.length <= CHANGES_MAX) return;
    const oldest = this.#queue.shift() as Change;
    if (oldest.kind !== "isolated" && oldest.kind !== "back") {
      this.#dropped += 1;
      return;
    }
    if (this.#standing !== undefined) this.#dropped += 1;
    this.#standing = oldest;
  }

  async next(): Promise<IteratorResult<Change>> {
    if (this.#dropped > 0) {
      const count = this.#dropped;
      this.#dropped = 0;
      return { value: { kind: "dropped", count, at: Date.now() }, done: false };
    }
    const change = this.#standing ?? this.#queue.shift();
    this.#standing = undefined;
    if (change) return { value: change, done: false };
    if (this.#closed) return { value: undefined, done: true };
    return await new Promise((resolve) => this.#waiting.push(resolve));
  }

  async return(): Promise<IteratorResult<Change>> {
    this.close();
    this.#queue.length = 0;
    this.#standing = undefined;
    return { value: undefined, done: true };
  }

  /** What is queued can still be read. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#onClose();
    for (const waiting of this.#waiting.splice(0)) waiting({ value: undefined, done: true });
  }
}
