/** DER (X.690), strict: one encoding per value. Only what X.509 certificates and requests need. */
import { concatBytes } from "../rings/index.js";

/** Tags of X.690 that our structures use. */
export const TAG = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  oid: 0x06,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
} as const;

/** A wrong encoding or a broken rule, thrown while reading what a peer sent and caught where reading began. */
export class Refusal extends Error {
  readonly reason: string;
  constructor(reason: string) {
    super(reason);
    this.reason = reason;
  }
}

export type Reading<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly reason: string };

/** Where a `Refusal` becomes data again. */
export function attempt<T>(read: () => T): Reading<T> {
  try {
    return { ok: true, value: read() };
  } catch (error) {
    if (error instanceof Refusal) return { ok: false, reason: error.reason };
    throw error;
  }
}

export interface DerElement {
  readonly tag: number;
  readonly content: Uint8Array;
  /** The whole element: tag, length and content, as it arrived. */
  readonly bytes: Uint8Array;
}

interface Cursor {
  readonly bytes: Uint8Array;
  offset: number;
}

/** The one element that fills `bytes`. Throws `Refusal` otherwise. */
export function readDer(bytes: Uint8Array): DerElement {
  const cursor = { bytes, offset: 0 };
  const element = readElement(cursor);
  if (cursor.offset !== bytes.length) throw new Refusal("trailing-data");
  return element;
}

/** The elements that fill the content of a constructed element of the given tag. */
export function readChildren(element: DerElement | undefined, tag: number = TAG.sequence): readonly DerElement[] {
  const cursor = { bytes: contentOf(element, tag), offset: 0 };
  const children: DerElement[] = [];
  while (cursor.offset < cursor.bytes.length) children.push(readElement(cursor));
  return children;
}

/** The content of an element of the given tag. */
export function contentOf(element: DerElement | undefined, tag: number): Uint8Array {
  if (element === undefined || element.tag !== tag) throw new Refusal("malformed");
  return element.content;
}

function readElement(cursor: Cursor): DerElement {
  const start = cursor.offset;
  const tag = nextByte(cursor);
  if ((tag & 0x1f) === 0x1f) throw new Refusal("malformed"); // No tag above 30 occurs in X.509.
  const length = readLength(cursor);
  const end = cursor.offset + length;
  if (end > cursor.bytes.length) throw new Refusal("malformed");
  const content = cursor.bytes.subarray(cursor.offset, end);
  cursor.offset = end;
  return { tag, content, bytes: cursor.bytes.subarray(start, end) };
}

function readLength(cursor: Cursor): number {
  const first = nextByte(cursor);
  if (first < 0x80) return first;
  const count = first & 0x7f;
  if (count === 0 || count > 3) throw new Refusal("malformed"); // Indefinite, or over 16 MiB.
  let length = 0;
  for (let i = 0; i < count; i++) length = length * 256 + nextByte(cursor);
  if (length < 0x80 || length < 256 ** (count - 1)) throw new Refusal("malformed"); // Not the shortest form.
  return length;
}

function nextByte(cursor: Cursor): number {
  const byte = cursor.bytes[cursor.offset++];
  if (byte === undefined) throw new Refusal("malformed");
  return byte;
}

/** A non-negative INTEGER in its shortest form. */
export function readUnsigned(element: DerElement | undefined): bigint {
  const bytes = contentOf(element, TAG.integer);
  const [first, second] = bytes;
  if (first === undefined || first >= 0x80) throw new Refusal("malformed");
  if (first === 0 && second !== undefined && second < 0x80) throw new Refusal("malformed");
  return BigInt(`0x${Buffer.from(bytes).toString("hex")}`);
}

/** An unsigned INTEGER that fits a safe number. */
export function readCount(element: DerElement | undefined): number {
  const value = readUnsigned(element);
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw new Refusal("malformed");
  return Number(value);
}

/** The content of a BIT STRING that holds whole bytes. */
export function readBitString(element: DerElement | undefined): Uint8Array {
  const content = contentOf(element, TAG.bitString);
  if (content[0] !== 0) throw new Refusal("malformed");
  return content.subarray(1);
}

export function writeDer(tag: number, ...contents: readonly Uint8Array[]): Uint8Array {
  const content = concatBytes(...contents);
  return concatBytes(Uint8Array.of(tag, ...lengthBytes(content.length)), content);
}

function lengthBytes(length: number): number[] {
  if (length < 0x80) return [length];
  const bytes: number[] = [];
  for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) bytes.unshift(rest % 256);
  return [0x80 | bytes.length, ...bytes];
}

/** INTEGER of a non-negative value, given as a number, a bigint or big-endian bytes. */
export function writeUnsigned(value: number | bigint | Uint8Array): Uint8Array {
  const number = value instanceof Uint8Array ? BigInt(`0x${Buffer.from(value).toString("hex") || "0"}`) : BigInt(value);
  const hex = number.toString(16);
  const bytes = Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, "hex");
  return writeDer(TAG.integer, (bytes[0] ?? 0) >= 0x80 ? concatBytes(Uint8Array.of(0), bytes) : bytes);
}

/** The content bytes of an OBJECT IDENTIFIER in dotted form, as hexadecimal: how this room compares them. */
export function oidHex(dotted: string): string {
  const [first = 0n, second = 0n, ...rest] = dotted.split(".").map(BigInt);
  const arcs = [first * 40n + second, ...rest];
  return Buffer.from(arcs.flatMap(base128)).toString("hex");
}

/** The content bytes of an OBJECT IDENTIFIER in dotted form; what no such content is gives some text, too. */
export function oidText(content: Uint8Array): string {
  const arcs: bigint[] = [];
  let arc = 0n;
  for (const byte of content) {
    arc = (arc << 7n) | BigInt(byte & 0x7f);
    if (byte >= 0x80) continue;
    arcs.push(arc);
    arc = 0n;
  }
  const [first = 0n, ...rest] = arcs;
  const top = first < 80n ? first / 40n : 2n;
  return [top, first - top * 40n, ...rest].join(".");
}

function base128(arc: bigint): number[] {
  const bytes = [Number(arc & 0x7fn)];
  for (let rest = arc >> 7n; rest > 0n; rest >>= 7n) bytes.unshift(Number(rest & 0x7fn) | 0x80);
  return bytes;
}
