/**
 * Room for later versions inside what is signed: a list of values with types. What a version does not know it keeps and
 * passes on as signed, and ignores. Big-endian, one encoding per list, types ascending and each once:
 *
 *     count u8 | count x: type u16 | length u16, bytes
 */
import { ByteReader, type ByteWriter } from "./layout.js";

/** Values in one list: each later capability takes one, and packs what it has into it. */
export const EXTENSIONS_MAX = 16;
/** Bytes of one list as it is encoded: each member holds those of all notes. */
export const EXTENSIONS_BYTES_MAX = 1024;
/** Of a value: type and length. */
const HEADER_BYTES = 4;

export interface Extension {
  /** 0 to 65,535. */
  readonly type: number;
  readonly data: Uint8Array;
}

/** One byte when encoded. */
export const NO_EXTENSIONS: readonly Extension[] = Object.freeze([]);

/** Bytes of the list when encoded. */
export function extensionsBytes(list: readonly Extension[]): number {
  let bytes = 1;
  for (const { data } of list) bytes += HEADER_BYTES + data.length;
  return bytes;
}

/** The caller keeps order and bounds: every reader refuses a list that breaks them. */
export function writeExtensions(writer: ByteWriter, list: readonly Extension[]): ByteWriter {
  writer.u8(list.length);
  for (const { type, data } of list) writer.u16(type).sized16(data);
  return writer;
}

export function encodeExtensions(list: readonly Extension[]): Uint8Array {
  const out = new Uint8Array(extensionsBytes(list));
  putExtensions(out, 0, list);
  return out;
}

/** The encoded list into `out`, from `start` on: a message with one is written at once, as one without. */
export function putExtensions(out: Uint8Array, start: number, list: readonly Extension[]): void {
  out[start] = list.length;
  let at = start + 1;
  for (const { type, data } of list) {
    out[at] = type >>> 8;
    out[at + 1] = type;
    out[at + 2] = data.length >>> 8;
    out[at + 3] = data.length;
    out.set(data, at + HEADER_BYTES);
    at += HEADER_BYTES + data.length;
  }
}

/** The list that comes next, as windows on the reader's bytes; the reader turns bad for what is none. */
export function readExtensions(reader: ByteReader): readonly Extension[] {
  const count = reader.u8();
  if (count === 0) return NO_EXTENSIONS;
  if (count > EXTENSIONS_MAX) reader.refuse();
  const list: Extension[] = [];
  let [last, room] = [-1, EXTENSIONS_BYTES_MAX - 1];
  while (list.length < count && !reader.bad) {
    const type = reader.u16();
    if (type <= last || room < HEADER_BYTES) reader.refuse();
    const data = reader.sized16(Math.max(0, room - HEADER_BYTES));
    room -= HEADER_BYTES + data.length;
    last = type;
    list.push({ type, data });
  }
  return list;
}

/** The list that fills `bytes`; undefined for what is none. */
export function decodeExtensions(bytes: Uint8Array): readonly Extension[] | undefined {
  const reader = new ByteReader(bytes);
  const list = readExtensions(reader);
  return reader.complete ? list : undefined;
}

/** The value of this type; undefined when the list has none. */
export function extensionOf(list: readonly Extension[], type: number): Uint8Array | undefined {
  return list.find((extension) => extension.type === type)?.data;
}
