/**
 * A long list of slots (numbers) with inserts and removals in its middle, and forks that share it.
 *
 * Alone it is an array with room at its end. Shared with a fork the array is never changed any more: what was done to it since
 * is told by pieces, as in the piece tables of text editors. Each piece is a run of the shared array or a single new slot. So
 * a change costs a few numbers and not a copy, until there are too many pieces.
 */

/** Room of a new list; it doubles as needed. */
const FIRST_CAPACITY = 16;
/** A list is copied when it is in more pieces than this, and than its length / PIECE_LENGTH_MIN: then they weigh as much. */
const PIECES_MIN = 64;
const PIECE_LENGTH_MIN = 16;

export class SlotList {
  #slots: Uint32Array;
  #length: number;
  #isShared: boolean;
  /** Where each piece begins in this list. Empty: the list is the array as it is. */
  #starts: number[] = [];
  /** Where each piece begins in the array; of a single new slot -1 - slot. */
  #sources: number[] = [];

  constructor(shared?: { readonly slots: Uint32Array; readonly length: number }) {
    this.#slots = shared?.slots ?? new Uint32Array(FIRST_CAPACITY);
    this.#length = shared?.length ?? 0;
    this.#isShared = shared !== undefined;
  }

  get length(): number {
    return this.#length;
  }

  at(index: number): number {
    if (this.#starts.length === 0) return this.#slots[index]!;
    const piece = this.#pieceOf(index);
    const source = this.#sources[piece]!;
    return source < 0 ? -1 - source : this.#slots[source + index - this.#starts[piece]!]!;
  }

  insert(index: number, slot: number): void {
    if (this.#isShared) this.#insertPiece(index, slot);
    else this.#insertAlone(index, slot);
    this.#length += 1;
    this.#unshareWhenTorn();
  }

  remove(index: number): void {
    if (this.#isShared) this.#removePiece(index);
    else this.#slots.copyWithin(index, index + 1, this.#length);
    this.#length -= 1;
    this.#unshareWhenTorn();
  }

  /** A second list with the same content; neither sees what is done to the other. */
  fork(): SlotList {
    if (this.#starts.length > 0) this.#unshare();
    this.#isShared = true;
    return new SlotList({ slots: this.#slots, length: this.#length });
  }

  #insertAlone(index: number, slot: number): void {
    if (this.#length === this.#slots.length) {
      const larger = new Uint32Array(2 * this.#length);
      larger.set(this.#slots);
      this.#slots = larger;
    }
    this.#slots.copyWithin(index + 1, index, this.#length);
    this.#slots[index] = slot;
  }

  #insertPiece(index: number, slot: number): void {
    this.#tear();
    const piece = index < this.#length ? this.#pieceOf(index) : this.#starts.length;
    const rest = piece < this.#starts.length ? index - this.#starts[piece]! : 0;
    // In the middle of a piece: its second part becomes one of its own.
    if (rest > 0) this.#addPiece(piece + 1, index, this.#sources[piece]! + rest);
    const place = rest > 0 ? piece + 1 : piece;
    this.#addPiece(place, index, -1 - slot);
    this.#shift(place + 1, 1);
  }

  #removePiece(index: number): void {
    this.#tear();
    const piece = this.#pieceOf(index);
    const rest = index - this.#starts[piece]!;
    const end = this.#starts[piece + 1] ?? this.#length;
    if (rest > 0 && index + 1 < end) this.#addPiece(piece + 1, index + 1, this.#sources[piece]! + rest + 1);
    else if (rest === 0 && index + 1 < end) this.#sources[piece]! += 1;
    else if (rest === 0) {
      this.#starts.splice(piece, 1);
      this.#sources.splice(piece, 1);
    }
    this.#shift(rest === 0 && index + 1 === end ? piece : piece + 1, -1);
  }

  /** From here on this list is told by pieces: at first by one, the whole array. */
  #tear(): void {
    if (this.#starts.length > 0 || this.#length === 0) return;
    this.#starts = [0];
    this.#sources = [0];
  }

  #addPiece(piece: number, start: number, source: number): void {
    this.#starts.splice(piece, 0, start);
    this.#sources.splice(piece, 0, source);
  }

  #shift(piece: number, by: number): void {
    for (let later = piece; later < this.#starts.length; later++) this.#starts[later]! += by;
  }

  /** The piece that an index lies in: the last that begins at or before it. */
  #pieceOf(index: number): number {
    let low = 0;
    let high = this.#starts.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#starts[middle]! <= index) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  #unshareWhenTorn(): void {
    const limit = Math.max(PIECES_MIN, this.#length / PIECE_LENGTH_MIN);
    if (this.#starts.length > limit || (this.#isShared && this.#starts.length === 0)) this.#unshare();
  }

  #unshare(): void {
    const copy = new Uint32Array(Math.max(FIRST_CAPACITY, this.#length));
    for (let index = 0; index < this.#length; index++) copy[index] = this.at(index);
    this.#slots = copy;
    this.#starts = [];
    this.#sources = [];
    this.#isShared = false;
  }
}
