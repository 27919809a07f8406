/** What this member saw happen in the protocol: kept for a day, read by any number of readers. */
import { onAbort } from "../../net/index.js";
import type { HistoryEvent, HistoryGap, HistoryOptions } from "./event.js";
import { Shelf } from "./shelf.js";

/** An event before it has its number and its time. */
export type Seen = Omit<HistoryEvent, "sequence" | "at">;

export interface HistoryClocks {
  /** Unix milliseconds, which an event says. */
  readonly wall: () => number;
  /** Monotonic milliseconds, by which events are forgotten: a clock that is set must not delete them, nor keep them for ever. */
  readonly now: () => number;
}

export class History {
  readonly #shelf = new Shelf();
  readonly #readers = new Set<HistoryReader>();
  readonly #clocks: HistoryClocks;
  #last = 0;

  constructor(clocks: HistoryClocks) {
    this.#clocks = clocks;
  }

  record(seen: Seen): void {
    this.#last += 1;
    this.#shelf.add({ sequence: this.#last, at: this.#clocks.wall(), ...seen }, this.#clocks.now());
    for (const reader of this.#readers) reader.wake();
  }

  /** The sequence of the last event; 0 before the first. */
  get last(): number {
    return this.#last;
  }

  /** What is kept about one member, in order. */
  of(member: string): HistoryEvent[] {
    this.#shelf.expire(this.#clocks.now());
    return this.#shelf.of(member);
  }

  /** What somebody said, or did to others: events with it as `by`, in order. */
  by(id: string): HistoryEvent[] {
    this.#shelf.expire(this.#clocks.now());
    return [...this.#shelf.all()].filter((event) => event.by === id);
  }

  /** Whom the kept events are about. */
  members(): string[] {
    this.#shelf.expire(this.#clocks.now());
    return this.#shelf.members();
  }

  /** Ends with the signal, or when the history is closed and read. */
  read({ since, signal }: HistoryOptions): AsyncIterableIterator<HistoryEvent | HistoryGap> {
    if (since !== undefined && !(Number.isSafeInteger(since) && since >= 0))
      throw new RangeError("`since` is the sequence of an event: a whole number, 0 or more.");
    this.#shelf.expire(this.#clocks.now());
    const after = since ?? (this.#shelf.first ?? this.#last + 1) - 1;
    const reader: HistoryReader = new HistoryReader(this.#shelf, after, {
      last: () => this.#last,
      wall: this.#clocks.wall,
      onClose: () => {
        this.#readers.delete(reader);
        unwatch();
      },
    });
    this.#readers.add(reader);
    // Fires at once for a signal that has.
    let unwatch = () => {};
    unwatch = onAbort(signal, () => reader.close());
    return reader;
  }

  /** What is kept can still be read by those who read now. */
  close(): void {
    for (const reader of [...this.#readers]) reader.close();
  }
}

interface Around {
  readonly last: () => number;
  readonly wall: () => number;
  readonly onClose: () => void;
}

/** A place in the history, and no queue: a slow reader costs nothing, and misses what is dropped before it comes there. */
class HistoryReader implements AsyncIterableIterator<HistoryEvent | HistoryGap> {
  readonly #shelf: Shelf;
  readonly #around: Around;
  readonly #waiting: (() => void)[] = [];
  #at: number;
  /** What is missing up to here was told. */
  #toldTo: number;
  /** Of those told, how many lie ahead; and those that went after that, passed and not told yet. */
  #told = 0;
  #late = 0;
  /** The last event that was there when it was closed. */
  #end: number | undefined;

  constructor(shelf: Shelf, after: number, around: Around) {
    this.#shelf = shelf;
    this.#around = around;
    this.#at = Math.min(after, around.last());
    this.#toldTo = this.#at;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<IteratorResult<HistoryEvent | HistoryGap>> {
    for (;;) {
      const last = this.#end ?? this.#around.last();
      const gap = this.#gapTo(last);
      if (gap) return { value: gap, done: false };
      while (this.#at < last) {
        const event = this.#shelf.get(this.#at + 1);
        if (event && this.#late > 0) return { value: this.#lateGap(), done: false };
        this.#at += 1;
        if (event) return { value: event, done: false };
        if (this.#told > 0) this.#told -= 1;
        else this.#late += 1;
      }
      if (this.#late > 0) return { value: this.#lateGap(), done: false };
      if (this.#end !== undefined) return { value: undefined, done: true };
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  /** How many are missing between here and the last one, told once for all of them. */
  #gapTo(last: number): HistoryGap | undefined {
    if (this.#toldTo >= last) return undefined;
    let count = 0;
    for (let sequence = this.#toldTo + 1; sequence <= last; sequence++)
      if (this.#shelf.get(sequence) === undefined) count += 1;
    this.#toldTo = last;
    this.#told += count;
    return count > 0 ? { kind: "dropped", count, at: this.#around.wall() } : undefined;
  }

  /** What was dropped while the reader was on its way to it. */
  #lateGap(): HistoryGap {
    const count = this.#late;
    this.#late = 0;
    return { kind: "dropped", count, at: this.#around.wall() };
  }

  async return(): Promise<IteratorResult<HistoryEvent | HistoryGap>> {
    this.close();
    this.#at = Number.POSITIVE_INFINITY;
    this.#toldTo = this.#at;
    this.#late = 0;
    return { value: undefined, done: true };
  }

  wake(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }

  close(): void {
    if (this.#end !== undefined) return;
    this.#end = this.#around.last();
    this.#around.onClose();
    this.wake();
  }
}
