/**
 * A quick 128-bit hash over bytes and numbers, for digests of runs and for fake signatures: four lanes of multiply and
 * rotate, after MurmurHash3. Spreads well, the same everywhere, and no protection against anyone.
 */

export class Mixer {
  #a = 0x243f6a88 | 0;
  #b = 0x85a308d3 | 0;
  #c = 0x13198a2e | 0;
  #d = 0x03707344 | 0;

  /** Takes in the lower 32 bits of a whole number. */
  word(value: number): this {
    const a = Math.imul(this.#a ^ value, 0x9e3779b1);
    const b = Math.imul(this.#b + value, 0x85ebca6b);
    this.#a = ((a << 13) | (a >>> 19)) + this.#d;
    this.#b = ((b << 15) | (b >>> 17)) ^ a;
    this.#c = Math.imul(this.#c ^ b, 0xc2b2ae35) + a;
    this.#d = ((this.#d << 11) | (this.#d >>> 21)) ^ Math.imul(value, 0x27d4eb2f) ^ this.#c;
    return this;
  }

  /** Takes in a number of milliseconds, or any other number within 2^53, in steps of 2^-10. */
  number(value: number): this {
    const scaled = Math.floor(value * 1024);
    return this.word(Math.floor(scaled / 4_294_967_296)).word(scaled % 4_294_967_296);
  }

  bytes(bytes: Uint8Array): this {
    const { length } = bytes;
    const whole = length - (length % 4);
    for (let at = 0; at < whole; at += 4) {
      this.word(bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24));
    }
    for (let at = whole; at < length; at++) this.word(bytes[at]!);
    return this.word(length);
  }

  text(text: string): this {
    for (let at = 0; at < text.length; at++) this.word(text.charCodeAt(at));
    return this.word(text.length);
  }

  copy(): Mixer {
    const copy = new Mixer();
    copy.#a = this.#a;
    copy.#b = this.#b;
    copy.#c = this.#c;
    copy.#d = this.#d;
    return copy;
  }

  /** The next 32 bits of its state; the state moves on. */
  draw(): number {
    this.word(0x5bd1e995).word(this.#c);
    return finish(this.#a ^ this.#b ^ this.#c ^ this.#d);
  }

  /** 16 hex digits. The state stays. */
  digest(): string {
    const copy = this.copy();
    return hex(copy.draw()) + hex(copy.draw());
  }
}

/** The finalizer of MurmurHash3: every bit of the input moves every bit of the output. */
function finish(value: number): number {
  let mixed = value ^ (value >>> 16);
  mixed = Math.imul(mixed, 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}

function hex(value: number): string {
  return value.toString(16).padStart(8, "0");
}
