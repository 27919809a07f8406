/**
 * Fixed big-endian layouts (protocol 5a), written and read without exceptions: a reader that runs out of bytes turns
 * `bad` and yields zeros, and whoever parses asks once at the end. What a peer sends wrong is data.
 */

import { writeHex } from "./bytes.js";

const CAPACITY = 256;

/** Appends values to a buffer that grows. */
export class ByteWriter {
  #buffer: Uint8Array;
  #length = 0;

  /** `capacity`: bytes that are likely to come; more or fewer may. */
  constructor(capacity = CAPACITY) {
    this.#buffer = new Uint8Array(capacity);
  }

  get length(): number {
    return this.#length;
  }

  u8(value: number): this {
    this.#room(1)[this.#length++] = value;
    return this;
  }

  u16(value: number): this {
    const buffer = this.#room(2);
    buffer[this.#length++] = value >>> 8;
    buffer[this.#length++] = value;
    return this;
  }

  u32(value: number): this {
    return this.u16(Math.floor(value / 0x10000) & 0xffff).u16(value & 0xffff);
  }

  /** A whole number below 2^48, exact in a double. */
  u48(value: number): this {
    return this.u16(Math.floor(value / 0x1_0000_0000)).u32(value % 0x1_0000_0000);
  }

  u64(value: bigint): this {
    return this.u32(Number((value >> 32n) & 0xffffffffn)).u32(Number(value & 0xffffffffn));
  }

  raw(bytes: Uint8Array): this {
    this.#room(bytes.length).set(bytes, this.#length);
    this.#length += bytes.length;
    return this;
  }

  /** Bytes as hexadecimal text of an even length. The caller has checked that it is that. */
  hex(text: string): this {
    const bytes = text.length / 2;
    writeHex(text, this.#room(bytes), this.#length);
    this.#length += bytes;
    return this;
  }

  /** Bytes after their length as 16 bits. */
  sized16(bytes: Uint8Array): this {
    return this.u16(bytes.length).raw(bytes);
  }

  /** Bytes after their length as 32 bits. */
  sized32(bytes: Uint8Array): this {
    return this.u32(bytes.length).raw(bytes);
  }

  /** ASCII text after its length as 16 bits. The caller has checked that it is ASCII. */
  ascii(text: string): this {
    this.u16(text.length);
    for (let index = 0; index < text.length; index++) this.u8(text.charCodeAt(index));
    return this;
  }

  /** What was written. Nothing may be written any more. */
  finish(): Uint8Array {
    return this.#length === this.#buffer.length ? this.#buffer : this.#buffer.slice(0, this.#length);
  }

  #room(bytes: number): Uint8Array {
    const needed = this.#length + bytes;
    if (needed > this.#buffer.length) {
      const grown = new Uint8Array(Math.max(needed, this.#buffer.length * 2));
      grown.set(this.#buffer);
      this.#buffer = grown;
    }
    return this.#buffer;
  }
}

/** Reads values from bytes; after the first read past the end it is `bad` for good. */
export class ByteReader {
  readonly #bytes: Uint8Array;
  #offset = 0;
  #bad = false;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** True when something could not be read, or when `refuse` was called. */
  get bad(): boolean {
    return this.#bad;
  }

  /** Everything was read, and nothing was wrong. */
  get complete(): boolean {
    return !this.#bad && this.#offset === this.#bytes.length;
  }

  get remaining(): number {
    return this.#bad ? 0 : this.#bytes.length - this.#offset;
  }

  refuse(): void {
    this.#bad = true;
  }

  u8(): number {
    if (this.#bad || this.#offset >= this.#bytes.length) this.#bad = true;
    return this.#bad ? 0 : this.#bytes[this.#offset++]!;
  }

  u16(): number {
    if (this.#bad || this.#bytes.length - this.#offset < 2) this.#bad = true;
    return this.#bad ? 0 : (this.#bytes[this.#offset++]! << 8) | this.#bytes[this.#offset++]!;
  }

  u32(): number {
    return this.u16() * 0x10000 + this.u16();
  }

  u48(): number {
    return this.u16() * 0x1_0000_0000 + this.u32();
  }

  u64(): bigint {
    return (BigInt(this.u32()) << 32n) | BigInt(this.u32());
  }

  /** A view of the next bytes; not a copy. */
  raw(length: number): Uint8Array {
    if (this.#bad || length > this.#bytes.length - this.#offset) {
      this.#bad = true;
      return new Uint8Array(0);
    }
    const start = this.#offset;
    this.#offset += length;
    return this.#bytes.subarray(start, start + length);
  }

  /** A view of up to so many next bytes, which stay to be read. */
  peek(length: number): Uint8Array {
    return this.#bad ? new Uint8Array(0) : this.#bytes.subarray(this.#offset, this.#offset + length);
  }

  sized16(max: number): Uint8Array {
    return this.#atMost(this.u16(), max);
  }

  sized32(max: number): Uint8Array {
    return this.#atMost(this.u32(), max);
  }

  /** Printable ASCII without spaces; anything else makes the reader bad. */
  ascii(max: number): string {
    const bytes = this.sized16(max);
    let text = "";
    for (const byte of bytes) {
      if (byte < 0x21 || byte > 0x7e) this.#bad = true;
      text += String.fromCharCode(byte);
    }
    return text;
  }

  #atMost(length: number, max: number): Uint8Array {
    if (length > max) this.#bad = true;
    return this.raw(length);
  }
}
