/**
 * How many bytes of unfinished messages an HTTP/2 connection has brought: gRPC holds a message until it is whole, and
 * counts nothing. Reads frame headers (RFC 9113, section 4.1) and gRPC's length prefixes, and keeps no byte itself. What
 * is not HTTP/2 is the affair of the HTTP/2 that reads the same bytes.
 */

/** RFC 9113, section 3.4: "PRI * HTTP/2.0..." */
const PREFACE_BYTES = 24;
const FRAME_HEADER_BYTES = 9;
const DATA = 0x0;
const RST_STREAM = 0x3;
const END_STREAM = 0x1;
const PADDED = 0x8;
/** One byte that says whether the message is compressed, four of length. */
const PREFIX_BYTES = 5;

/** The message that a stream is in. */
interface Unfinished {
  /** Bytes of the prefix that have come. */
  prefix: number;
  /** Of the message; while the prefix comes, what is read of it. */
  length: number;
  filled: number;
}

export class Meter {
  readonly #streams = new Map<number, Unfinished>();
  readonly #header = Buffer.alloc(FRAME_HEADER_BYTES);
  #headerBytes = 0;
  #skip = PREFACE_BYTES;
  /** Bytes of the frame that have not come yet. */
  #frameLeft = 0;
  /** Of a padded frame: its first byte says how many bytes at its end are none of the message. */
  #isPadded = false;
  #padding = 0;
  #held = 0;

  /** Of messages that were begun and are not whole. */
  get held(): number {
    return this.#held;
  }

  read(bytes: Uint8Array): void {
    let at = 0;
    while (at < bytes.length) {
      if (this.#skip > 0) at += this.#skipped(bytes.length - at);
      else if (this.#frameLeft === 0) at += this.#readHeader(bytes, at);
      else at += this.#readFrame(bytes, at);
    }
  }

  #skipped(available: number): number {
    const taken = Math.min(this.#skip, available);
    this.#skip -= taken;
    return taken;
  }

  #readHeader(bytes: Uint8Array, at: number): number {
    const taken = Math.min(FRAME_HEADER_BYTES - this.#headerBytes, bytes.length - at);
    for (let index = 0; index < taken; index++) this.#header[this.#headerBytes + index] = bytes[at + index]!;
    this.#headerBytes += taken;
    if (this.#headerBytes === FRAME_HEADER_BYTES) this.#begin();
    return taken;
  }

  #begin(): void {
    this.#headerBytes = 0;
    this.#frameLeft = this.#header.readUIntBE(0, 3);
    this.#isPadded = this.#type === DATA && (this.#flags & PADDED) !== 0;
    this.#padding = 0;
    if (this.#frameLeft === 0) this.#end();
  }

  #readFrame(bytes: Uint8Array, at: number): number {
    const taken = Math.min(this.#frameLeft, bytes.length - at);
    const end = at + taken;
    let begin = at;
    if (this.#isPadded) {
      this.#padding = bytes[begin++]!;
      this.#isPadded = false;
    }
    this.#frameLeft -= taken;
    const padding = Math.min(end - begin, Math.max(0, this.#padding - this.#frameLeft));
    if (this.#type === DATA) this.#readData(bytes, begin, end - padding);
    if (this.#frameLeft === 0) this.#end();
    return taken;
  }

  #readData(bytes: Uint8Array, begin: number, end: number): void {
    const known = this.#streams.get(this.#stream);
    const stream = known ?? { prefix: 0, length: 0, filled: 0 };
    const before = stream.filled;
    for (let at = begin; at < end; ) at += step(stream, bytes, at, end);
    this.#held += stream.filled - before;
    if (stream.filled === 0 && stream.prefix === 0) this.#streams.delete(this.#stream);
    else if (known === undefined) this.#streams.set(this.#stream, stream);
  }

  #end(): void {
    const isLast = this.#type === RST_STREAM || (this.#type === DATA && (this.#flags & END_STREAM) !== 0);
    if (!isLast) return;
    this.#held -= this.#streams.get(this.#stream)?.filled ?? 0;
    this.#streams.delete(this.#stream);
  }

  get #type(): number {
    return this.#header[3]!;
  }

  get #flags(): number {
    return this.#header[4]!;
  }

  get #stream(): number {
    return this.#header.readUInt32BE(5) & 0x7fffffff;
  }
}

/** Takes a byte of a prefix or a part of a message. How many bytes that were. */
function step(stream: Unfinished, bytes: Uint8Array, at: number, end: number): number {
  if (stream.prefix < PREFIX_BYTES) {
    if (stream.prefix > 0) stream.length = stream.length * 256 + bytes[at]!;
    stream.prefix += 1;
    if (stream.prefix === PREFIX_BYTES && stream.length === 0) reset(stream);
    return 1;
  }
  const taken = Math.min(end - at, stream.length - stream.filled);
  stream.filled += taken;
  if (stream.filled === stream.length) reset(stream);
  return taken;
}

function reset(stream: Unfinished): void {
  stream.prefix = 0;
  stream.length = 0;
  stream.filled = 0;
}
