/**
 * What this member holds of one log, its own or another's: batches in order, with or without holes between them, and how far
 * they go without one. Only batches whose signatures were checked come in here.
 */
import { equalBytes } from "../../rings/index.js";
import type { Batch, Head } from "../records/batch.js";
import type { LogName } from "../records/log.js";
import { type Held, Row } from "./row.js";

export type { Held };

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

export class HeldLog {
  readonly name: LogName;
  readonly isMine: boolean;
  /** The first number that this member is owed. Undefined until it is known, and for holders that are owed nothing. */
  #start: number | undefined;
  /** All from `start` on is held up to here; without a start, from the first batch on. */
  #held = 0;
  /** The highest number that a checked statement of the publisher showed. */
  #top = 0;
  readonly #row = new Row();
  /** In their order. They are told with each announcement, so they are kept: a log may have a million batches. */
  readonly #runs: Run[] = [];
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
    return this.#row.bytes;
  }

  /** Batches. */
  get size(): number {
    return this.#row.size;
  }

  get oldest(): Held | undefined {
    return this.#row.first;
  }

  get newest(): Held | undefined {
    return this.#row.last;
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

  /** What inserting it would come to. */
  judge(batch: Batch, digest: Uint8Array): Inserted {
    const { before, after } = this.#row.around(batch.first);
    if (before && isSame(before.batch, batch)) return { kind: "held" };
    const against =
      before && !follows(before, batch) ? before : after && !precedes(batch, digest, after) ? after : undefined;
    return against ? { kind: "conflict", head: against.batch } : { kind: "inserted" };
  }

  insert(batch: Batch, digest: Uint8Array, now: number): Inserted {
    const judged = this.judge(batch, digest);
    if (judged.kind !== "inserted") return judged;
    const isFirst = (this.oldest?.batch.first ?? Number.POSITIVE_INFINITY) > batch.first;
    this.#row.add({ batch, digest, at: now, isPassed: false });
    this.#joinRuns(batch);
    this.changedAt = now;
    this.#top = Math.max(this.#top, batch.last);
    if (this.#start === undefined && isFirst) this.#held = batch.first - 1;
    this.#advance();
    return judged;
  }

  /** The batch with this message. */
  find(number: number): Batch | undefined {
    return this.entry(number)?.batch;
  }

  entry(number: number): Held | undefined {
    const { before } = this.#row.around(number);
    return before && before.batch.last >= number ? before : undefined;
  }

  /** Is this very statement held, and its batch with it? */
  has({ first, body }: Head): boolean {
    const batch = this.find(first);
    return batch !== undefined && batch.first === first && equalBytes(batch.body, body);
  }

  /** The batches from the one with `first` on to the one with `last`, in order, without holes being told. */
  *between(first: number, last: number): Generator<Batch, void, undefined> {
    for (const { batch } of this.#row.from(first)) {
      if (batch.first > last) return;
      if (batch.last >= first) yield batch;
    }
  }

  /** Bytes of the batches behind the one with this number, or behind where it would be. */
  bytesAfter(number: number): number {
    return this.#row.bytesAfter(number);
  }

  /** The first number after this one that is held; undefined when none is. */
  heldAfter(number: number): number | undefined {
    const { before, after } = this.#row.around(number + 1);
    return before && before.batch.last > number ? number + 1 : after?.batch.first;
  }

  /** Runs of what is held without holes, the newest first, and the newest ones when there are more than `max`. */
  runs(max: number): Run[] {
    return this.#runs.slice(-max).reverse();
  }

  /** Forgets the oldest batch. */
  dropOldest(): Held | undefined {
    const held = this.#row.takeFirst();
    if (held) this.#shortenRuns(held.batch.last);
    return held;
  }

  #advance(): void {
    const run = this.#runs[indexAfter(this.#runs, this.#held + 1) - 1];
    if (run && run.last > this.#held) this.#held = run.last;
  }

  /** A batch is new. */
  #joinRuns({ first, last }: Batch): void {
    const index = indexAfter(this.#runs, first);
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
}

/** The index of the first run that begins after this number. */
function indexAfter(runs: readonly Run[], number: number): number {
  let [low, high] = [0, runs.length];
  // What is new comes at the end.
  if (high > 0 && runs[high - 1]!.first <= number) return high;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (runs[middle]!.first <= number) low = middle + 1;
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
