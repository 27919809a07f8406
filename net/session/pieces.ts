/**
 * The bodies of gRPC messages, as proto/fireflies.proto says: a Packet of a call, and the Chunks of a duplex. Data is
 * written and read by hand, as nearly all of it is: a tag, a length, bytes.
 */
import { BinaryReader, BinaryWriter } from "@bufbuild/protobuf/wire";

/** What passes on a duplex; undefined is what a later version may say. */
export type Piece =
  | { readonly kind: "data"; readonly data: Uint8Array }
  /** The sender's direction ended in order when the code is empty; else why both have. */
  | { readonly kind: "end"; readonly code: string; readonly text: string }
  /** The first piece of the side that was called back: it takes the duplex. */
  | { readonly kind: "opened" }
  /** The first piece of a call back: what it is, and in how many milliseconds the caller gives up (0: never). */
  | ({ readonly kind: "open"; readonly protocol: string; readonly timeoutMs: number } & Meant)
  | undefined;

/** What is opened, and where it belongs in a trace; empty for none. */
export interface Meant {
  readonly name: string;
  readonly trace: string;
}

/** gRPC's own: one byte that says whether the message is compressed, four for its length. */
export const PREFIX_BYTES = 5;
/** Field 1, with a length: Packet.body and Chunk.data. */
const DATA_TAG = 0x0a;
const END_TAG = 0x12;
const OPENED_TAG = 0x1a;
const OPEN_TAG = 0x22;
/** Strings in End and Open, and a number in Open. */
const FIRST_TAG = 0x0a;
const SECOND_TAG = 0x12;
const THIRD_TAG = 0x1a;
const FOURTH_TAG = 0x22;
const TIMEOUT_TAG = 0x10;
/** Of a length below 2^35. */
const VARINT_BYTES_MAX = 5;
/** What comes before data: gRPC's prefix, a tag and a length. */
const DATA_PREFIX_MAX = PREFIX_BYTES + 1 + VARINT_BYTES_MAX;
/** Data up to this length is copied behind its prefix, in bytes: one block for many costs less than a block for each. */
const PACKED_MAX = 16 * 1024;

/** Bytes as a Packet or as a Chunk with data, in one gRPC message with its prefix. */
export function encodeData(bytes: Uint8Array): Buffer {
  const out = Buffer.allocUnsafe(DATA_PREFIX_MAX + bytes.length);
  const at = writeDataPrefix(out, 0, bytes.length);
  out.set(bytes, at);
  return out.subarray(0, at + bytes.length);
}

/** As `encodeData` of each, in parts to be written one after the other. Long data is a part itself, not copied. */
export function encodeAll(chunks: readonly Uint8Array[]): readonly Uint8Array[] {
  const parts: Uint8Array[] = [];
  const out = Buffer.allocUnsafe(chunks.reduce((sum, { length }) => sum + packedMax(length), 0));
  let [begin, at] = [0, 0];
  for (const chunk of chunks) {
    at = writeDataPrefix(out, at, chunk.length);
    if (chunk.length <= PACKED_MAX) {
      out.set(chunk, at);
      at += chunk.length;
    } else {
      parts.push(out.subarray(begin, at), chunk);
      begin = at;
    }
  }
  if (at > begin) parts.push(out.subarray(begin, at));
  return parts;
}

function packedMax(length: number): number {
  return length <= PACKED_MAX ? DATA_PREFIX_MAX + length : DATA_PREFIX_MAX;
}

/** Where the data begins. */
function writeDataPrefix(out: Buffer, start: number, length: number): number {
  let at = start + PREFIX_BYTES;
  out[at++] = DATA_TAG;
  let rest = length;
  for (; rest > 0x7f; rest >>>= 7) out[at++] = (rest & 0x7f) | 0x80;
  out[at++] = rest;
  out[start] = 0;
  out.writeUInt32BE(at - start - PREFIX_BYTES + length, start + 1);
  return at;
}

export function encodeEnd(code: string, text = ""): Buffer {
  const writer = new BinaryWriter().uint32(END_TAG).fork();
  if (code !== "") writer.uint32(FIRST_TAG).string(code);
  if (text !== "") writer.uint32(SECOND_TAG).string(text);
  return message(writer.join());
}

/** The sender's direction ended in order. Not to be changed, as all ends have it in common. */
export const END_IN_ORDER: Buffer = encodeEnd("");

/** The side that was called back takes the duplex. Not to be changed either. */
export const OPENED: Buffer = message(new BinaryWriter().uint32(OPENED_TAG).fork().join());

export function encodeOpen(protocol: string, timeoutMs: number, name = "", trace = ""): Buffer {
  const writer = new BinaryWriter().uint32(OPEN_TAG).fork().uint32(FIRST_TAG).string(protocol);
  if (timeoutMs > 0) writer.uint32(TIMEOUT_TAG).uint32(timeoutMs);
  if (name !== "") writer.uint32(THIRD_TAG).string(name);
  if (trace !== "") writer.uint32(FOURTH_TAG).string(trace);
  return message(writer.join());
}

function message(writer: BinaryWriter): Buffer {
  const body = writer.finish();
  const out = Buffer.allocUnsafe(PREFIX_BYTES + body.length);
  out.set(body, PREFIX_BYTES);
  return prefixed(out);
}

function prefixed(out: Buffer): Buffer {
  out[0] = 0;
  out.writeUInt32BE(out.length - PREFIX_BYTES, 1);
  return out;
}

/** The body of a Packet. Throws on what is no Packet. */
export function decodePacket(bytes: Uint8Array): Uint8Array {
  const plain = plainData(bytes);
  if (plain !== undefined) return plain;
  let body: Uint8Array = new Uint8Array(0);
  eachField(bytes, (tag, reader) => {
    if (tag === DATA_TAG) body = plainBytes(reader.bytes());
    return tag === DATA_TAG;
  });
  return body;
}

/** Throws on what is no Chunk. Of several contents the last counts, as proto3 says of a oneof. */
export function decodePiece(bytes: Uint8Array): Piece {
  const data = plainData(bytes);
  if (data !== undefined) return { kind: "data", data };
  let piece: Piece;
  eachField(bytes, (tag, reader) => {
    const found = content(tag, reader);
    piece = found ?? piece;
    return found !== undefined;
  });
  return piece;
}

function content(tag: number, reader: BinaryReader): Piece {
  if (tag === DATA_TAG) return { kind: "data", data: plainBytes(reader.bytes()) };
  if (tag === END_TAG) return decodeEnd(reader.bytes());
  if (tag === OPEN_TAG) return decodeOpen(reader.bytes());
  if (tag !== OPENED_TAG) return undefined;
  reader.bytes();
  return { kind: "opened" };
}

function decodeEnd(bytes: Uint8Array): Piece {
  let [code, text] = ["", ""];
  eachField(bytes, (tag, reader) => {
    if (tag === FIRST_TAG) code = reader.string();
    else if (tag === SECOND_TAG) text = reader.string();
    return tag === FIRST_TAG || tag === SECOND_TAG;
  });
  return { kind: "end", code, text };
}

function decodeOpen(bytes: Uint8Array): Piece {
  let [protocol, timeoutMs, name, trace] = ["", 0, "", ""];
  eachField(bytes, (tag, reader) => {
    if (tag === FIRST_TAG) protocol = reader.string();
    else if (tag === TIMEOUT_TAG) timeoutMs = reader.uint32();
    else if (tag === THIRD_TAG) name = reader.string();
    else if (tag === FOURTH_TAG) trace = reader.string();
    else return false;
    return true;
  });
  return { kind: "open", protocol, timeoutMs, name, trace };
}

/** `read` returns whether it took the field; others are skipped, as later versions may add some. */
function eachField(bytes: Uint8Array, read: (tag: number, reader: BinaryReader) => boolean): void {
  const reader = new BinaryReader(bytes);
  while (reader.pos < reader.len) {
    const [field, type] = reader.tag();
    if (!read((field << 3) | type, reader)) reader.skip(type, field);
  }
}

/** The data of a message that is nothing else, as `encodeData` writes it. */
function plainData(bytes: Uint8Array): Uint8Array | undefined {
  if (bytes[0] !== DATA_TAG) return undefined;
  let length = 0;
  let at = 1;
  for (let shift = 0; shift < 28; shift += 7) {
    const byte = bytes[at++];
    if (byte === undefined) return undefined;
    length |= (byte & 0x7f) << shift;
    if (byte <= 0x7f) return length === bytes.length - at ? plainBytes(bytes.subarray(at)) : undefined;
  }
  return undefined;
}

/** Not a Buffer, whose methods differ (slice shares, toString decodes): applications are promised a Uint8Array. */
function plainBytes(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
