/** Which counters have come: RFC 4303, section 3.4.3, with the bits in a ring (RFC 6479). */

const WORD_BITS = 32;
/** 2 ** 53 - 1: no key lives that long. */
const COUNTER_MAX = Number.MAX_SAFE_INTEGER;

export class ReplayWindow {
  /** One word more than the window has, so that the window may begin within a word. */
  readonly #words: Uint32Array;
  readonly #size: number;
  #highest = -1;

  /** `size`: counters below the highest one that may still come, a multiple of 32. */
  constructor(size: number) {
    this.#size = size;
    this.#words = new Uint32Array(size / WORD_BITS + 1);
  }

  /** May a datagram with this counter be new? Asked before it is proven, so nothing is noted. */
  mayTake(counter: number): boolean {
    if (counter > this.#highest) return counter <= COUNTER_MAX;
    if (this.#highest - counter >= this.#size) return false;
    return (this.#words[this.#slot(counter)]! & bitOf(counter)) === 0;
  }

  /** A datagram with this counter, for which `mayTake` holds, is proven. */
  take(counter: number): void {
    if (counter > this.#highest) this.#advance(counter);
    this.#words[this.#slot(counter)]! |= bitOf(counter);
  }

  #advance(counter: number): void {
    const [from, to] = [Math.floor(this.#highest / WORD_BITS), Math.floor(counter / WORD_BITS)];
    const steps = Math.min(to - from, this.#words.length);
    for (let step = 0; step < steps; step++) this.#words[(to - step) % this.#words.length] = 0;
    this.#highest = counter;
  }

  #slot(counter: number): number {
    return Math.floor(counter / WORD_BITS) % this.#words.length;
  }
}

function bitOf(counter: number): number {
  return (1 << (counter % WORD_BITS)) >>> 0;
}
