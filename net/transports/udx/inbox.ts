/** One direction of a connection at its reader: how much has come, and how far the sender may run ahead. */
import { FIRST_WINDOW_BYTES, WINDOW_BYTES } from "./limits.js";

/** The sender hears of its window when it has grown by so many bytes. */
const STEP_BYTES = WINDOW_BYTES / 4;

/** A part of a buffer. A view is made of it once it is whole: views of every packet cost more than the bytes. */
interface Piece {
  readonly buffer: ArrayBufferLike;
  readonly start: number;
  end: number;
}

export class Inbox {
  /** Bytes that have come, in order. */
  received = 0;
  #limit = FIRST_WINDOW_BYTES;
  #told = 0;
  /** Not given to the reader yet. Neighbours in one buffer are one piece. */
  #pieces: Piece[] = [];
  #waiting = 0;

  /** Bytes that stand at `offset`; what has come before over another path is left out. False beyond what was allowed. */
  add(bytes: Uint8Array, offset: number): boolean {
    const fresh = offset === this.received ? bytes : bytes.subarray(Math.max(0, this.received - offset));
    if (fresh.length === 0) return true;
    this.received += fresh.length;
    this.#waiting += fresh.length;
    const last = this.#pieces.at(-1);
    const { buffer, byteOffset: start, length } = fresh;
    if (last?.buffer === buffer && last.end === start) last.end += length;
    else this.#pieces.push({ buffer, start, end: start + length });
    return this.received <= this.#limit;
  }

  /** What has come since the last time. */
  take(): readonly Uint8Array[] {
    const pieces = this.#pieces;
    this.#pieces = [];
    this.#waiting = 0;
    return pieces.map(({ buffer, start, end }) => Buffer.from(buffer as ArrayBuffer, start, end - start));
  }

  /** What the sender has to hear now; `unread` bytes are with the reader. With `anyhow` whatever is new. */
  news(unread: number, anyhow = false): readonly [received: number, limit: number] | undefined {
    const read = this.received - this.#waiting - unread;
    const limit = read === 0 ? FIRST_WINDOW_BYTES : read + WINDOW_BYTES;
    const isDue = limit - this.#limit >= STEP_BYTES || (anyhow && (this.received > this.#told || limit > this.#limit));
    return isDue ? this.word(limit) : undefined;
  }

  /** As `news`, whether it is news or not. */
  word(limit = this.#limit): readonly [received: number, limit: number] {
    this.#limit = Math.max(limit, this.#limit);
    this.#told = this.received;
    return [this.received, this.#limit];
  }
}
