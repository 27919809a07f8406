/**
 * What two machines of topics say to each other: one packet, one kind, all numbers big-endian. A packet may come twice, late
 * or never, and in any order: each says what is, and none depends on another. docs/topics.md has the table.
 *
 *     batch     1 | u8 0, or u8 1, u8 ring, u48 until | batch (batch.ts)
 *     announce  2 | u8 flags | u16 n, each: tag | u48 from | u48 through
 *     pull      3 | u16 n, each: tag | u48 first | u48 last
 *     progress  4 | u16 n, each: tag | u48 held | u48 acknowledged
 *     gone      5 | u16 n, each: tag | u48 first | u48 last
 *     ask       6 | u16 n, each: u8 length, pattern
 *     heads     7 | u16 n, each: u16 length, body | signature
 *     start     8 | u16 n, each: id of the log (log.ts) | u48 first
 *     proof     9 | two heads
 *     refused  10 | u32 ms | u16 length, reason
 *     handled  11 | u8 length, queue group | u16 n, each: tag | u48 first | u48 last
 *     awaited  12 | u8 length, queue group | u16 n, each: tag | u48 first | u48 last
 *     part     13 | u8 length, queue group | u16 n, each: tag | u48 first
 */
import { ByteReader, ByteWriter, fromHex, utf8Decode, utf8Encode } from "../../rings/index.js";
import { ENTRIES_MAX, HEADS_MAX, PACKET_BYTES_MAX, PATTERNS_MAX } from "../limits.js";
import { GROUP_BYTES_MAX, groupProblem, patternProblem, TOPIC_BYTES_MAX } from "../names.js";
import { type Head, parseHead, SIGNATURE_BYTES } from "./batch.js";
import { type LogName, type LogReader, type LogTag, readTag } from "./log.js";

/** In an announcement: tell me where you have less or more than this. */
export const FLAG_ANSWER = 1;

/** Pass the batch on to the subscribers on this ring from you, clockwise, up to a position, its first 48 bits. */
export interface Stretch {
  /** From 1 on. */
  readonly ring: number;
  readonly until: number;
}

/** A range of a log; what it says is the packet's. */
export interface Range {
  readonly tag: LogTag;
  readonly first: number;
  readonly last: number;
}

export interface Progress {
  readonly tag: LogTag;
  /** I hold all that I am owed up to here. */
  readonly held: number;
  /** My subscriptions have acknowledged all up to here. */
  readonly acknowledged: number;
}

export interface Start {
  readonly log: LogName;
  /** You are owed the messages from this number on. */
  readonly first: number;
}

/** Where a member's part of a log begins that its queue group shares. */
export interface Part {
  readonly tag: LogTag;
  readonly first: number;
}

export type Packet =
  /** A batch, still as bytes: `parseBatch` reads it. */
  | { readonly kind: "batch"; readonly stretch: Stretch | undefined; readonly bytes: Uint8Array }
  /** I hold these ranges. With `answer`: tell me yours where it differs. */
  | { readonly kind: "announce"; readonly answer: boolean; readonly entries: readonly Range[] }
  /** Send me these. */
  | { readonly kind: "pull"; readonly entries: readonly Range[] }
  /** To the publisher: how far I am. */
  | { readonly kind: "progress"; readonly entries: readonly Progress[] }
  /** You asked for these, and I do not hold them. */
  | { readonly kind: "gone"; readonly entries: readonly Range[] }
  /** Show me the heads of the logs on topics that match. */
  | { readonly kind: "ask"; readonly patterns: readonly string[] }
  /** The newest statement of each log that I hold; an answer to `ask` also when it is empty. */
  | { readonly kind: "heads"; readonly heads: readonly Head[] }
  /** From the publisher to a new subscriber. */
  | { readonly kind: "start"; readonly entries: readonly Start[] }
  /** Two statements that no correct publisher signs both (equivocation.ts judges). */
  | { readonly kind: "proof"; readonly heads: readonly [Head, Head] }
  /** I do not answer what you asked for, and why; ask again after so many milliseconds. */
  | { readonly kind: "refused"; readonly reason: string; readonly afterMs: number }
  /** To others of a queue group: these are handled. */
  | { readonly kind: "handled"; readonly queue: string; readonly entries: readonly Range[] }
  /** To another of a queue group: you are to handle these. Tell me which of them are handled, and where your part begins. */
  | { readonly kind: "awaited"; readonly queue: string; readonly entries: readonly Range[] }
  /** An answer to that: I have no part in what is before these. */
  | { readonly kind: "part"; readonly queue: string; readonly entries: readonly Part[] };

export type PacketKind = Packet["kind"];

const NUMBERS: Readonly<Record<PacketKind, number>> = {
  batch: 1,
  announce: 2,
  pull: 3,
  progress: 4,
  gone: 5,
  ask: 6,
  heads: 7,
  start: 8,
  proof: 9,
  refused: 10,
  handled: 11,
  awaited: 12,
  part: 13,
};
const KINDS = new Map(Object.entries(NUMBERS).map(([kind, number]) => [number, kind as PacketKind]));
const REASON_CHARS_MAX = 64;

/** What stands before a batch in its packet. */
export function batchPrefix(stretch: Stretch | undefined): Uint8Array {
  const writer = new ByteWriter(9).u8(NUMBERS.batch);
  return (stretch ? writer.u8(1).u8(stretch.ring).u48(stretch.until) : writer.u8(0)).finish();
}

/** Bytes of `batchPrefix(undefined)`. */
export const PLAIN_PREFIX_BYTES = 2;

/** Entries, heads and patterns beyond what one packet may have are the caller's mistake: it splits them. */
export function encodePacket(packet: Packet): Uint8Array {
  if (packet.kind === "batch") {
    const prefix = batchPrefix(packet.stretch);
    return new ByteWriter(prefix.length + packet.bytes.length).raw(prefix).raw(packet.bytes).finish();
  }
  return writePacket(packet, new ByteWriter().u8(NUMBERS[packet.kind])).finish();
}

function writePacket(packet: Exclude<Packet, { kind: "batch" }>, writer: ByteWriter): ByteWriter {
  switch (packet.kind) {
    case "announce":
      return writeRanges(packet.entries, writer.u8(packet.answer ? FLAG_ANSWER : 0));
    case "pull":
    case "gone":
      return writeRanges(packet.entries, writer);
    case "progress":
      writer.u16(packet.entries.length);
      for (const { tag, held, acknowledged } of packet.entries) writeTag(tag, writer).u48(held).u48(acknowledged);
      return writer;
    case "ask":
      writer.u16(packet.patterns.length);
      for (const pattern of packet.patterns) writeText(pattern, writer);
      return writer;
    case "heads":
      writer.u16(packet.heads.length);
      for (const head of packet.heads) writeHead(head, writer);
      return writer;
    case "start":
      writer.u16(packet.entries.length);
      for (const { log, first } of packet.entries) writer.raw(log.bytes).u48(first);
      return writer;
    case "proof":
      return writeHead(packet.heads[1], writeHead(packet.heads[0], writer));
    case "refused":
      return writer.u32(packet.afterMs).ascii(packet.reason);
    case "handled":
    case "awaited":
      writeText(packet.queue, writer);
      return writeRanges(packet.entries, writer);
    case "part":
      writeText(packet.queue, writer);
      writer.u16(packet.entries.length);
      for (const { tag, first } of packet.entries) writeTag(tag, writer).u48(first);
      return writer;
  }
}

function writeRanges(entries: readonly Range[], writer: ByteWriter): ByteWriter {
  writer.u16(entries.length);
  for (const { tag, first, last } of entries) writeTag(tag, writer).u48(first).u48(last);
  return writer;
}

function writeTag(tag: LogTag, writer: ByteWriter): ByteWriter {
  return writer.raw(fromHex(tag) as Uint8Array);
}

function writeText(text: string, writer: ByteWriter): void {
  const bytes = utf8Encode(text);
  writer.u8(bytes.length).raw(bytes);
}

function writeHead({ body, signature }: Head, writer: ByteWriter): ByteWriter {
  return writer.sized16(body).raw(signature);
}

export type ParsedPacket =
  | { readonly ok: true; readonly packet: Packet }
  | { readonly ok: false; readonly reason: "packet-too-large" | "packet-malformed" };

/** Unknown kinds, excess of any kind and trailing bytes refuse the whole packet. What it holds are views, not copies. */
export function parsePacket(bytes: Uint8Array, logs: LogReader): ParsedPacket {
  if (bytes.length > PACKET_BYTES_MAX) return { ok: false, reason: "packet-too-large" };
  const reader = new ByteReader(bytes);
  const kind = KINDS.get(reader.u8());
  const packet = kind && readPacket(kind, reader, logs);
  return packet && reader.complete ? { ok: true, packet } : { ok: false, reason: "packet-malformed" };
}

function readPacket(kind: PacketKind, reader: ByteReader, logs: LogReader): Packet | undefined {
  switch (kind) {
    case "batch":
      return { kind, stretch: readStretch(reader), bytes: reader.raw(reader.remaining) };
    case "announce":
      return { kind, answer: reader.u8() === FLAG_ANSWER, entries: readList(reader, ENTRIES_MAX, readRange) };
    case "pull":
    case "gone":
      return { kind, entries: readList(reader, ENTRIES_MAX, readRange) };
    case "progress":
      return { kind, entries: readList(reader, ENTRIES_MAX, readProgress) };
    case "ask":
      return { kind, patterns: readList(reader, PATTERNS_MAX, readPattern) };
    case "heads":
      return { kind, heads: readList(reader, HEADS_MAX, () => readHead(reader, logs)) };
    case "start":
      return { kind, entries: readList(reader, ENTRIES_MAX, () => readStart(reader, logs)) };
    case "proof":
      return readProof(reader, logs);
    case "refused":
      return { kind, afterMs: reader.u32(), reason: reader.ascii(REASON_CHARS_MAX) };
    case "handled":
    case "awaited":
      return { kind, queue: readGroup(reader), entries: readList(reader, ENTRIES_MAX, readRange) };
    case "part":
      return { kind, queue: readGroup(reader), entries: readList(reader, ENTRIES_MAX, readPart) };
  }
}

function readStretch(reader: ByteReader): Stretch | undefined {
  const isOn = reader.u8();
  if (isOn > 1) reader.refuse();
  return isOn === 1 ? { ring: reader.u8(), until: reader.u48() } : undefined;
}

function readList<T>(reader: ByteReader, max: number, read: (reader: ByteReader) => T | undefined): T[] {
  const count = reader.u16();
  if (count > max) reader.refuse();
  const list: T[] = [];
  while (list.length < count && !reader.bad) {
    const entry = read(reader);
    if (entry === undefined) reader.refuse();
    else list.push(entry);
  }
  return list;
}

function readRange(reader: ByteReader): Range | undefined {
  const range = { tag: readTag(reader), first: reader.u48(), last: reader.u48() };
  return range.first >= 1 && range.first <= range.last ? range : undefined;
}

function readProgress(reader: ByteReader): Progress | undefined {
  const progress = { tag: readTag(reader), held: reader.u48(), acknowledged: reader.u48() };
  return progress.acknowledged <= progress.held ? progress : undefined;
}

function readPattern(reader: ByteReader): string | undefined {
  const bytes = reader.raw(reader.u8());
  const text = bytes.length > TOPIC_BYTES_MAX ? undefined : utf8Decode(bytes);
  return text !== undefined && patternProblem(text) === undefined ? text : undefined;
}

function readGroup(reader: ByteReader): string {
  const bytes = reader.raw(reader.u8());
  const name = bytes.length > GROUP_BYTES_MAX ? undefined : utf8Decode(bytes);
  if (name === undefined || groupProblem(name) !== undefined) reader.refuse();
  return name ?? "";
}

function readPart(reader: ByteReader): Part | undefined {
  const part = { tag: readTag(reader), first: reader.u48() };
  return part.first >= 1 ? part : undefined;
}

function readHead(reader: ByteReader, logs: LogReader): Head | undefined {
  return parseHead(reader.sized16(0xffff), reader.raw(SIGNATURE_BYTES), logs);
}

function readStart(reader: ByteReader, logs: LogReader): Start | undefined {
  const log = logs.read(reader);
  const first = reader.u48();
  return log && first >= 1 ? { log, first } : undefined;
}

function readProof(reader: ByteReader, logs: LogReader): Packet | undefined {
  const [one, other] = [readHead(reader, logs), readHead(reader, logs)];
  return one && other && { kind: "proof", heads: [one, other] };
}
