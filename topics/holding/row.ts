/**
 * The batches of one log in the order of their numbers, in pieces of bounded length: in whatever order they come, adding one
 * moves a piece and not all of them, and their bytes are counted by pieces too.
 */
import type { Batch } from "../records/batch.js";

export interface Held {
  readonly batch: Batch;
  /** SHA-256 of its body, which the batch after it names. */
  readonly digest: Uint8Array;
  /** Monotonic milliseconds of its arrival. */
  readonly at: number;
  /** It came with a stretch, and was passed on along it: once. */
  isPassed: boolean;
}

/** Batches of one piece: a piece that grows beyond is cut in two. */
const PIECE_MAX = 512;

interface Piece {
  readonly helds: Held[];
  /** Where it begins: those before were taken. */
  from: number;
  bytes: number;
}

/** Where a batch is. */
interface Place {
  readonly piece: number;
  readonly index: number;
}

export class Row {
  #pieces: Piece[] = [];
  /** Bytes of the pieces before each one, as far as they are known. */
  #before: number[] = [];
  #size = 0;
  #bytes = 0;

  /** Batches. */
  get size(): number {
    return this.#size;
  }

  /** Of all batches. */
  get bytes(): number {
    return this.#bytes;
  }

  get first(): Held | undefined {
    const [piece] = this.#pieces;
    return piece?.helds[piece.from];
  }

  get last(): Held | undefined {
    return this.#pieces.at(-1)?.helds.at(-1);
  }

  /** The last one that begins at this number or before it, and the first one that begins after it. */
  around(number: number): { readonly before: Held | undefined; readonly after: Held | undefined } {
    const place = this.#placeOf(number);
    if (!place) return { before: undefined, after: this.first };
    const { helds } = this.#pieces[place.piece]!;
    const next = this.#pieces[place.piece + 1];
    return { before: helds[place.index], after: helds[place.index + 1] ?? next?.helds[next.from] };
  }

  /** Those from the last one that begins at this number or before it on. */
  *from(number: number): Generator<Held, void, undefined> {
    const place = this.#placeOf(number) ?? { piece: 0, index: 0 };
    for (let piece = place.piece; piece < this.#pieces.length; piece++) {
      const { helds, from } = this.#pieces[piece]!;
      for (let at = piece === place.piece ? Math.max(place.index, from) : from; at < helds.length; at++)
        yield helds[at]!;
    }
  }

  /** From the last one to the first. */
  *backwards(): Generator<Held, void, undefined> {
    for (let piece = this.#pieces.length - 1; piece >= 0; piece--) {
      const { helds, from } = this.#pieces[piece]!;
      for (let index = helds.length - 1; index >= from; index--) yield helds[index]!;
    }
  }

  /** One whose first number no other has. */
  add(held: Held): void {
    const { first, bytes } = held.batch;
    const place = this.#placeOf(first);
    if (!place) this.#addTo(0, this.#pieces[0]?.from ?? 0, held);
    else this.#addTo(place.piece, place.index + 1, held);
    this.#size += 1;
    this.#bytes += bytes.length;
  }

  takeFirst(): Held | undefined {
    const held = this.first;
    const [piece] = this.#pieces;
    if (!held || !piece) return undefined;
    const { length } = held.batch.bytes;
    piece.from += 1;
    piece.bytes -= length;
    this.#size -= 1;
    this.#bytes -= length;
    this.#before.length = 0;
    if (piece.from === piece.helds.length) this.#pieces.shift();
    else if (piece.from >= PIECE_MAX) {
      piece.helds.splice(0, piece.from);
      piece.from = 0;
    }
    return held;
  }

  /** Bytes of those that begin after this number. */
  bytesAfter(number: number): number {
    const place = this.#placeOf(number);
    if (!place) return this.#bytes;
    const piece = this.#pieces[place.piece]!;
    const { helds, from } = piece;
    // The shorter half is counted.
    let through = this.#bytesBefore(place.piece);
    if (place.index - from < helds.length - place.index) {
      for (let index = from; index <= place.index; index++) through += helds[index]!.batch.bytes.length;
    } else {
      through += piece.bytes;
      for (let index = place.index + 1; index < helds.length; index++) through -= helds[index]!.batch.bytes.length;
    }
    return this.#bytes - through;
  }

  #bytesBefore(piece: number): number {
    if (piece === 0) return 0;
    for (let known = Math.max(1, this.#before.length); known <= piece; known++) {
      this.#before[known] = (this.#before[known - 1] ?? 0) + this.#pieces[known - 1]!.bytes;
    }
    return this.#before[piece]!;
  }

  #addTo(at: number, index: number, held: Held): void {
    const piece = this.#pieces[at];
    const { length } = held.batch.bytes;
    if (!piece) {
      this.#pieces.push({ helds: [held], from: 0, bytes: length });
      return;
    }
    this.#before.length = Math.min(this.#before.length, at + 1);
    const isLast = at === this.#pieces.length - 1 && index === piece.helds.length;
    // Most come in order: a piece that is full is left full, and the next one begun.
    if (isLast && piece.helds.length - piece.from >= PIECE_MAX) {
      this.#pieces.push({ helds: [held], from: 0, bytes: length });
      return;
    }
    if (isLast) piece.helds.push(held);
    else piece.helds.splice(index, 0, held);
    piece.bytes += length;
    if (piece.helds.length - piece.from > PIECE_MAX) this.#cut(at, piece);
  }

  #cut(at: number, piece: Piece): void {
    const half = piece.from + ((piece.helds.length - piece.from) >>> 1);
    const helds = piece.helds.splice(half);
    let bytes = 0;
    for (const { batch } of helds) bytes += batch.bytes.length;
    piece.bytes -= bytes;
    this.#pieces.splice(at + 1, 0, { helds, from: 0, bytes });
  }

  /** Of the last one that begins at this number or before it; undefined when none does. */
  #placeOf(number: number): Place | undefined {
    let [low, high] = [0, this.#pieces.length];
    const end = high - 1;
    // New batches come at the end.
    if (end >= 0 && firstOf(this.#pieces[end]!) <= number) low = end;
    else {
      while (low < high) {
        const middle = (low + high) >>> 1;
        if (firstOf(this.#pieces[middle]!) <= number) low = middle + 1;
        else high = middle;
      }
      low -= 1;
    }
    if (low < 0) return undefined;
    const { helds, from } = this.#pieces[low]!;
    let [first, last] = [from, helds.length - 1];
    if (helds[last]!.batch.first <= number) return { piece: low, index: last };
    while (first < last) {
      const middle = (first + last + 1) >>> 1;
      if (helds[middle]!.batch.first <= number) first = middle;
      else last = middle - 1;
    }
    return { piece: low, index: first };
  }
}

function firstOf({ helds, from }: Piece): number {
  return helds[from]!.batch.first;
}
