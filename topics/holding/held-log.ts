/**
 * What this member holds of one log, its own or another's: batches in order, with or without holes between them, and how far
 * they go without one. Only batches whose signatures were checked come in here.
 */
import { equalBytes } from "../../rings/index.js";
import type { Batch, Head } from "../records/batch.js";
import type { LogName } from "../records/log.js";

export interface Held {
  readonly batch: Batch;
  /** SHA-256 of its body, which the batch after it names. */
  readonly digest: Uint8Array;
  /** Monotonic milliseconds of its arrival. */
  readonly at: number;
  /** Where it ends in the log, in bytes from the first batch that was ever held; holes have none. */
  end: number;
  /** It came with a stretch, and was passed on along it: once. */
  isPassed: boolean;
}

export type Inserted =
  | { readonly kind: "inserted" }
  /** It is there already. */
  | { readonly kind: "held" }
  /** It contradicts this one: no correct publisher signs both. */
  | { readonly kind: "conflict"; readonly head: Head };

/** Numbers that are held without a hole among them. */
export interface Run {
  readonly first: number;
  readonly last: number;
}

/** Batches that may lie unused at the front of the array until they are cut off. */
const DEAD_MAX = 1024;

export class HeldLog {
  readonly name: LogName;
  readonly isMine: boolean;
  /** The first number that this member is owed. Undefined until it is known, and for holders that are owed nothing. */
  #start: number | undefined;
  /** All from `start` on is held up to here; without a start, from the first batch on. */
  #held = 0;
  /** The highest number that a checked statement of the publisher showed. */
  #top = 0;
  #bytes = 0;
  /** Bytes of the batches that were dropped. */
  #dropped = 0;
  #batches: Held[] = [];
  /** In their order. They are told with each announcement, so they are kept: a log may have a million batches. */
  readonly #runs: Run[] = [];
  /** Where the array begins: those before were dropped. */
  #from = 0;
  /** Monotonic milliseconds of the last change. */
  changedAt: number;

  constructor(name: LogName, isMine: boolean, now: number) {
    this.name = name;
    this.isMine = isMine;
    this.changedAt = now;
  }

  get start(): number | undefined {
    return this.#start;
  }

  get held(): number {
    return this.#held;
  }

  get top(): number {
    return this.#top;
  }

  /** Bytes of all batches. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Batches. */
  get size(): number {
    return this.#batches.length - this.#from;
  }

  get oldest(): Held | undefined {
    return this.#batches[this.#from];
  }

  get newest(): Held | undefined {
    return this.size > 0 ? this.#batches.at(-1) : undefined;
  }

  /** Sets where this member's share begins, and so what of it is held. */
  begin(start: number): void {
    this.#start = start;
    this.#held = start - 1;
    this.#top = Math.max(this.#top, this.#held);
    this.#advance();
  }

  /** This member is owed nothing of it any more. */
  end(): void {
    this.#start = undefined;
  }

  /** A checked statement shows that the log goes up to here. */
  show(number: number): void {
    this.#top = Math.max(this.#top, number);
  }

  /** These are given up: nobody has them. */
  skip(through: number): void {
    if (through <= this.#held) return;
    this.#held = through;
    this.#top = Math.max(this.#top, through);
    this.#advance();
  }

  insert(batch: Batch, digest: Uint8Array, now: number): Inserted {
    const index = this.#indexAfter(batch.first);
    const [before, after] = [index > this.#from ? this.#batches[index - 1] : undefined, this.#batches[index]];
    if (before && isSame(before.batch, batch)) return { kind: "held" };
    const against =
      before && !follows(before, batch) ? before : after && !precedes(batch, digest, after) ? after : undefined;
    if (against) return { kind: "conflict", head: against.batch };
    const { length } = batch.bytes;
    const held = { batch, digest, at: now, end: (before?.end ?? this.#dropped) + length, isPassed: false };
    if (after) {
      this.#batches.splice(index, 0, held);
      for (let behind = index + 1; behind < this.#batches.length; behind++) this.#batches[behind]!.end += length;
    } else this.#batches.push(held);
    this.#bytes += length;
    this.#joinRuns(batch);
    this.changedAt = now;
    this.#top = Math.max(this.#top, batch.last);
    if (this.#start === undefined && !before) this.#held = batch.first - 1;
    this.#advance();
    return { kind: "inserted" };
  }

  /** The batch with this message. */
  find(number: number): Batch | undefined {
    return this.entry(number)?.batch;
  }

  entry(number: number): Held | undefined {
    const index = this.#indexAfter(number) - 1;
    const held = index >= this.#from ? this.#batches[index] : undefined;
    return held && held.batch.last >= number ? held : undefined;
  }

  /** Is this very statement held, and its batch with it? */
  has({ first, body }: Head): boolean {
    const batch = this.find(first);
    return batch !== undefined && batch.first === first && equalBytes(batch.body, body);
  }

  /** The batches from the one with `first` on to the one with `last`, in order, without holes being told. */
  *between(first: number, last: number): Generator<Batch, void, undefined> {
    let index = Math.max(this.#from, this.#indexAfter(first) - 1);
    for (; index < this.#batches.length; index++) {
      const { batch } = this.#batches[index]!;
      if (batch.first > last) return;
      if (batch.last >= first) yield batch;
    }
  }

  /** Bytes of the batches behind the one with this number, or behind where it would be. */
  bytesAfter(number: number): number {
    const index = this.#indexAfter(number) - 1;
    return index < this.#from ? this.#bytes : this.#batches.at(-1)!.end - this.#batches[index]!.end;
  }

  /** The first number after this one that is held; undefined when none is. */
  heldAfter(number: number): number | undefined {
    if (this.find(number + 1)) return number + 1;
    return this.#batches[Math.max(this.#from, this.#indexAfter(number + 1))]?.batch.first;
  }

  /** Runs of what is held without holes, the newest first, and the newest ones when there are more than `max`. */
  runs(max: number): Run[] {
    return this.#runs.slice(-max).reverse();
  }

  /** Forgets the oldest batch. */
  dropOldest(): Held | undefined {
    const held = this.oldest;
    if (!held) return undefined;
    this.#from += 1;
    this.#dropped = held.end;
    this.#bytes -= held.batch.bytes.length;
    this.#shortenRuns(held.batch.last);
    if (this.#from > DEAD_MAX && this.#from * 2 > this.#batches.length) {
      this.#batches = this.#batches.slice(this.#from);
      this.#from = 0;
    }
    return held;
  }

  #advance(): void {
    for (;;) {
      const batch = this.find(this.#held + 1);
      if (!batch) return;
      this.#held = batch.last;
    }
  }

  /** A batch is new. */
  #joinRuns({ first, last }: Batch): void {
    const index = indexAfter(this.#runs, 0, first, firstOf);
    const [before, after] = [this.#runs[index - 1], this.#runs[index]];
    const isBehind = before?.last === first - 1;
    const isBefore = after?.first === last + 1;
    const run = { first: isBehind ? before.first : first, last: isBefore ? after.last : last };
    this.#runs.splice(index - (isBehind ? 1 : 0), (isBehind ? 1 : 0) + (isBefore ? 1 : 0), run);
  }

  /** All up to this number is dropped. */
  #shortenRuns(through: number): void {
    const oldest = this.#runs[0]!;
    if (oldest.last === through) this.#runs.shift();
    else this.#runs[0] = { first: through + 1, last: oldest.last };
  }

  /** The index of the first batch that begins after this number. */
  #indexAfter(number: number): number {
    return indexAfter(this.#batches, this.#from, number, firstOfHeld);
  }
}

function firstOf({ first }: Run): number {
  return first;
}

function firstOfHeld({ batch }: Held): number {
  return batch.first;
}

/** The index of the first in an ordered list, from `from` on, that begins after this number. */
function indexAfter<T>(list: readonly T[], from: number, number: number, beginning: (one: T) => number): number {
  let [low, high] = [from, list.length];
  // What is new comes at the end.
  if (high > low && beginning(list[high - 1]!) <= number) return high;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (beginning(list[middle]!) <= number) low = middle + 1;
    else high = middle;
  }
  return low;
}

function isSame(a: Batch, b: Batch): boolean {
  return a.first === b.first && equalBytes(a.body, b.body);
}

/** May `batch` come after `before`? */
function follows(before: Held, batch: Batch): boolean {
  if (before.batch.last >= batch.first) return false;
  return before.batch.last + 1 < batch.first || equalBytes(batch.previous, before.digest);
}

function precedes(batch: Batch, digest: Uint8Array, after: Held): boolean {
  if (batch.last >= after.batch.first) return false;
  return batch.last + 1 < after.batch.first || equalBytes(after.batch.previous, digest);
}
