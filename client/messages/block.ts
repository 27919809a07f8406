/**
 * Memory for small messages on their way out, cut from blocks: an ArrayBuffer for each message costs more time than all
 * that is done with it. One per link, so that a message that waits for a slow peer keeps no other link's block.
 */

/** Sixty messages of 100 bytes; a link with one such message in its queue keeps no more. */
const BLOCK_BYTES = 8 * 1024;
/** Longer ones have memory of their own. */
const SMALL_BYTES_MAX = 1024;

export class Block {
  #block: ArrayBuffer | undefined;
  #at = 0;

  /** `length` bytes that nobody else has, with anything in them: all of them are to be written. */
  take(length: number): Uint8Array {
    if (length > SMALL_BYTES_MAX) return new Uint8Array(Buffer.allocUnsafeSlow(length).buffer);
    if (this.#block === undefined || this.#at + length > BLOCK_BYTES) {
      this.#block = new ArrayBuffer(BLOCK_BYTES);
      this.#at = 0;
    }
    this.#at += length;
    return new Uint8Array(this.#block, this.#at - length, length);
  }
}
