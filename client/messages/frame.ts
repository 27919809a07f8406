/**
 * The frames of a "messages" duplex: the Frame of proto/fireflies.proto, read by hand because every count has a bound
 * that must hold before anything is allocated. Strict but for unknown fields, which are skipped: known fields stand in
 * order, once (messages: up to the bound), with their exact lengths and shortest numbers.
 */

/** The version of frames and contents that this code speaks. */
export const FRAME_VERSION = 3;
export const NONCE_BYTES = 16;
export const SALT_BYTES = 16;
const SIGNATURE_BYTES = 64;
/** Messages of one frame: hashing that many keeps a reader busy for about a millisecond. */
export const FRAME_MESSAGES_MAX = 1024;
/** What a frame adds to the messages in it at most, and to each of them: tags, lengths, counter and signature. */
const FRAME_FIXED_BYTES = 96;
const FRAME_BYTES_PER_MESSAGE = 6;

export interface Hello {
  readonly kind: "hello";
  readonly version: number;
  /** NONCE_BYTES. */
  readonly nonce: Uint8Array;
  /** Of the caller: the link nonce is a secret of the session, so frames follow at once (list.ts). */
  readonly isEarly?: boolean;
}

export interface Batch {
  readonly kind: "batch";
  /** From 1 on, one more per frame and direction. */
  readonly counter: number;
  /** r || s over the list (list.ts). */
  readonly signature: Uint8Array;
  /** 1 to FRAME_MESSAGES_MAX, each SALT_BYTES of salt and then the content. */
  readonly messages: readonly Uint8Array[];
}

export type Frame = Hello | Batch;

// Tags: field number << 3 | wire type (0 varint, 2 bytes).
const TAG = {
  frameHello: 0x0a,
  frameBatch: 0x12,
  version: 0x08,
  nonce: 0x12,
  early: 0x18,
  counter: 0x08,
  signature: 0x12,
  message: 0x1a,
};

/** Bytes that a frame with these messages has at most. */
export function frameBytes(messageCount: number, messageBytes: number): number {
  return FRAME_FIXED_BYTES + messageCount * FRAME_BYTES_PER_MESSAGE + messageBytes;
}

export function encodeHello({ version, nonce, isEarly = false }: Omit<Hello, "kind">): Uint8Array {
  const out = new Writer(64);
  out.bytes(
    TAG.frameHello,
    inner(new Writer(48), (hello) => {
      hello.number(TAG.version, version);
      hello.bytes(TAG.nonce, nonce);
      if (isEarly) hello.number(TAG.early, 1);
    }),
  );
  return out.done();
}

export function encodeBatch({ counter, signature, messages }: Omit<Batch, "kind">): Uint8Array {
  let bytes = 0;
  for (const message of messages) bytes += message.length;
  // The inner message is written behind the room for its own header, so that no byte is copied twice.
  const out = new Writer(frameBytes(messages.length, bytes));
  out.skip(HEADER_ROOM);
  out.number(TAG.counter, counter);
  out.bytes(TAG.signature, signature);
  for (const message of messages) out.bytes(TAG.message, message);
  return out.doneInside(TAG.frameBatch);
}

/** Tag and the longest length (28 bits) of the inner message. */
const HEADER_ROOM = 5;

function inner(out: Writer, write: (out: Writer) => void): Uint8Array {
  write(out);
  return out.done();
}

class Writer {
  readonly #out: Uint8Array;
  #at = 0;

  constructor(capacity: number) {
    const { buffer, byteOffset } = Buffer.allocUnsafe(capacity); // Only what is written leaves.
    this.#out = new Uint8Array(buffer, byteOffset, capacity);
  }

  skip(count: number): void {
    this.#at += count;
  }

  number(tag: number, value: number): void {
    this.#out[this.#at++] = tag;
    this.#varint(value);
  }

  bytes(tag: number, value: Uint8Array): void {
    this.number(tag, value.length);
    this.#out.set(value, this.#at);
    this.#at += value.length;
  }

  done(): Uint8Array {
    return this.#out.subarray(0, this.#at);
  }

  /** All that was written behind HEADER_ROOM as the one field `tag`. */
  doneInside(tag: number): Uint8Array {
    const end = this.#at;
    const length = end - HEADER_ROOM;
    const start = HEADER_ROOM - 1 - varintBytes(length);
    this.#at = start;
    this.number(tag, length);
    return this.#out.subarray(start, end);
  }

  #varint(value: number): void {
    let rest = value;
    while (rest > 0x7f) {
      this.#out[this.#at++] = (rest % 0x80) | 0x80;
      rest = Math.floor(rest / 0x80);
    }
    this.#out[this.#at++] = rest;
  }
}

function varintBytes(value: number): number {
  let count = 1;
  for (let rest = value; rest > 0x7f; rest = Math.floor(rest / 0x80)) count++;
  return count;
}

/** The frame in `bytes`, as windows on them; undefined when they are none that we accept. */
export function decodeFrame(bytes: Uint8Array): Frame | undefined {
  const reader = new Reader(bytes);
  const tag = reader.tag();
  const content = tag === TAG.frameHello || tag === TAG.frameBatch ? reader.bytes() : undefined;
  if (content === undefined || !reader.onlyUnknown([TAG.frameHello, TAG.frameBatch])) return undefined;
  return tag === TAG.frameHello ? decodeHello(new Reader(content)) : decodeBatch(new Reader(content));
}

function decodeHello(reader: Reader): Hello | undefined {
  const version = reader.tag() === TAG.version ? reader.number() : undefined;
  const nonce = reader.tag() === TAG.nonce ? reader.bytes() : undefined;
  if (version === undefined || version === 0 || nonce?.length !== NONCE_BYTES) return undefined;
  const isEarly = reader.peek() === TAG.early;
  if (isEarly) reader.tag();
  if (isEarly && reader.number() !== 1) return undefined;
  const known = [TAG.version, TAG.nonce, TAG.early];
  if (!reader.onlyUnknown(known)) return undefined;
  return { kind: "hello", version, nonce, ...(isEarly && { isEarly }) };
}

function decodeBatch(reader: Reader): Batch | undefined {
  const counter = reader.tag() === TAG.counter ? reader.number() : undefined;
  const signature = reader.tag() === TAG.signature ? reader.bytes() : undefined;
  if (counter === undefined || counter === 0 || signature?.length !== SIGNATURE_BYTES) return undefined;
  const messages: Uint8Array[] = [];
  while (reader.peek() === TAG.message) {
    reader.tag();
    const message = reader.bytes();
    if (message === undefined || message.length < SALT_BYTES || messages.length === FRAME_MESSAGES_MAX)
      return undefined;
    messages.push(message);
  }
  if (messages.length === 0 || !reader.onlyUnknown([TAG.counter, TAG.signature, TAG.message])) return undefined;
  return { kind: "batch", counter, signature, messages };
}

/** Reads protobuf and never beyond the end; undefined wherever the bytes do not fit. */
class Reader {
  readonly #in: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#in = bytes;
  }

  peek(): number | undefined {
    return this.#in[this.#at];
  }

  /** A tag as one byte: all known ones are. A longer one is nobody we know. */
  tag(): number | undefined {
    return this.#in[this.#at++];
  }

  /** A varint in its shortest form, up to 2^53 - 1. */
  number(): number | undefined {
    let value = 0;
    for (let scale = 1; scale <= 2 ** 49; scale *= 0x80) {
      const byte = this.#in[this.#at++];
      if (byte === undefined) return undefined;
      value += (byte & 0x7f) * scale;
      if (byte > 0x7f) continue;
      return (byte === 0 && scale > 1) || value > Number.MAX_SAFE_INTEGER ? undefined : value;
    }
    return undefined;
  }

  bytes(): Uint8Array | undefined {
    const length = this.number();
    if (length === undefined || length > this.#in.length - this.#at) return undefined;
    this.#at += length;
    return this.#in.subarray(this.#at - length, this.#at);
  }

  /** Whether what follows, up to the end, is well-formed fields other than `known`: those of a later version. */
  onlyUnknown(known: readonly number[]): boolean {
    while (this.#at < this.#in.length) {
      const tag = this.number();
      if (tag === undefined || tag < 8 || known.includes(tag) || !this.#skip(tag % 8)) return false;
    }
    return true;
  }

  #skip(wireType: number): boolean {
    if (wireType === 2) return this.bytes() !== undefined;
    if (wireType === 0) return this.number() !== undefined;
    const fixed = wireType === 1 ? 8 : wireType === 5 ? 4 : undefined;
    if (fixed === undefined || fixed > this.#in.length - this.#at) return false;
    this.#at += fixed;
    return true;
  }
}
