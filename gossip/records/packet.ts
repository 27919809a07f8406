/**
 * A packet: what two machines say to each other in one call or one answer (docs/protocol.md has the layout).
 * Version, then items until the end. Range hashes and listed digests are cut to 16 bytes.
 */
import {
  ByteReader,
  ByteWriter,
  MEMBER_ID_BYTES,
  memberIdFromBytes,
  memberIdToBytes,
  toHex,
} from "../../rings/index.js";
import {
  PACKET_BYTES_MAX,
  PACKET_DIGESTS_MAX,
  PACKET_INTERESTS_MAX,
  PACKET_RANGES_MAX,
  PACKET_STATEMENTS_MAX,
  REVOCATION_BYTES_MAX,
} from "../limits.js";
import type { InterestOffer } from "./interest.js";
import { RANGE_HASH_BYTES } from "./record-tree.js";

export const PACKET_VERSION = 3;
/** Hex digits of a digest as it is listed: 16 bytes name a record well enough to ask for it. */
export const LISTED_DIGITS = 32;
const PREFIX_DIGITS_MAX = 64;
const CHILDREN = 16;

export type Item =
  /** One statement, whole. */
  | { readonly kind: "statement"; readonly bytes: Uint8Array }
  /** The hash of all I hold under a prefix; the empty prefix is the whole view. */
  | { readonly kind: "range"; readonly prefix: string; readonly hash: Uint8Array }
  /** The hashes of the sixteen ranges below a prefix. */
  | { readonly kind: "children"; readonly prefix: string; readonly hashes: readonly Uint8Array[] }
  /** All that I hold under a prefix, by digest. */
  | { readonly kind: "list"; readonly prefix: string; readonly digests: readonly string[] }
  /** Send me these. */
  | { readonly kind: "want"; readonly digests: readonly string[] }
  /** You are not my neighbour, but these concern you: your neighbours, what is said against you (rule R16). */
  | { readonly kind: "offer"; readonly digests: readonly string[] }
  /** I hold you as gone at this epoch (rule R15). */
  | { readonly kind: "gone"; readonly epoch: bigint }
  /** I hold your note at this epoch, and take you back after so many milliseconds (rule R13). */
  | { readonly kind: "waits"; readonly epoch: bigint; readonly ms: number }
  /** I hold these interests: ask for those that are news to you (rule R22). */
  | { readonly kind: "interests"; readonly offers: readonly InterestOffer[] }
  /** You stand accused in my view, at this epoch and on this ring: answer, or I shall remove you (rule R20). */
  | { readonly kind: "summons"; readonly epoch: bigint; readonly ring: number }
  /** There was more than fits: ask again. */
  | { readonly kind: "more" }
  /** I did not look at your packet, and why. */
  | { readonly kind: "refused"; readonly reason: string };

const NUMBERS: Readonly<Record<Item["kind"], number>> = {
  statement: 1,
  range: 2,
  children: 3,
  list: 4,
  want: 5,
  offer: 6,
  gone: 7,
  more: 8,
  refused: 9,
  summons: 10,
  waits: 11,
  interests: 12,
};
const KINDS = new Map(Object.entries(NUMBERS).map(([kind, number]) => [number, kind as Item["kind"]]));

/** Items that a packet has no reason to hold more than once, and how many of them it may. */
const SINGLE: ReadonlySet<Item["kind"]> = new Set(["gone", "more", "refused", "summons", "waits", "interests"]);
const SINGLES_MAX = 8;

/** Around a statement in a packet: its kind and its length. */
export const STATEMENT_HEAD_BYTES = 5;
/** Of any other item without its hashes and digests, at most: kind, and a prefix or a reason with its length. */
const ITEM_BYTES = 67;
const LISTED_BYTES = LISTED_DIGITS / 2;
const OFFER_BYTES = MEMBER_ID_BYTES + 8 + 4 + LISTED_BYTES;

export function encodePacket(items: readonly Item[]): Uint8Array {
  let bytes = 1;
  for (const item of items) bytes += bytesOf(item);
  const writer = new ByteWriter(bytes).u8(PACKET_VERSION);
  for (const item of items) writeItem(writer, item);
  return writer.finish();
}

/** Enough for an item, so that no buffer has to grow; of statements, which are long, exactly as much. */
function bytesOf(item: Item): number {
  if (item.kind === "statement") return STATEMENT_HEAD_BYTES + item.bytes.length;
  if (item.kind === "children") return ITEM_BYTES + CHILDREN * RANGE_HASH_BYTES;
  if ("digests" in item) return ITEM_BYTES + item.digests.length * LISTED_BYTES;
  return item.kind === "interests" ? ITEM_BYTES + item.offers.length * OFFER_BYTES : ITEM_BYTES;
}

function writeItem(writer: ByteWriter, item: Item): void {
  writer.u8(NUMBERS[item.kind]);
  if (item.kind === "statement") writer.sized32(item.bytes);
  else if (item.kind === "range") writePrefix(writer, item.prefix).raw(item.hash);
  else if (item.kind === "children") for (const hash of startChildren(writer, item)) writer.raw(hash);
  else if (item.kind === "list") writeDigests(writePrefix(writer, item.prefix), item.digests);
  else if (item.kind === "want" || item.kind === "offer") writeDigests(writer, item.digests);
  else if (item.kind === "gone") writer.u64(item.epoch);
  else if (item.kind === "refused") writer.ascii(item.reason);
  else if (item.kind === "summons") writer.u64(item.epoch).u16(item.ring);
  else if (item.kind === "waits") writer.u64(item.epoch).u32(item.ms);
  else if (item.kind === "interests") writeOffers(writer, item.offers);
}

function writeOffers(writer: ByteWriter, offers: readonly InterestOffer[]): void {
  writer.u16(offers.length);
  for (const { id, version, bytes, digest } of offers) {
    writer.raw(memberIdToBytes(id)).u64(version).u32(bytes);
    writer.hex(digest.slice(0, LISTED_DIGITS));
  }
}

function startChildren(writer: ByteWriter, item: { prefix: string; hashes: readonly Uint8Array[] }) {
  writePrefix(writer, item.prefix);
  return item.hashes;
}

function writePrefix(writer: ByteWriter, prefix: string): ByteWriter {
  const padded = prefix.length % 2 === 0 ? prefix : `${prefix}0`;
  return writer.u8(prefix.length).hex(padded);
}

function writeDigests(writer: ByteWriter, digests: readonly string[]): void {
  writer.u16(digests.length);
  for (const digest of digests) writer.hex(digest.slice(0, LISTED_DIGITS));
}

/** A judge's word that I stand accused in its view (rule R20). */
export interface Summons {
  readonly ring: number;
  readonly epoch: bigint;
}

/** Bytes of a packet that is a summons and nothing else: version, kind, epoch, ring. */
export const SUMMONS_BYTES = 12;

/** Does a packet begin with a summons? Looks at two bytes of it. */
export function isSummons(packet: Uint8Array): boolean {
  return packet[0] === PACKET_VERSION && packet[1] === NUMBERS.summons;
}

export type ParsedPacket =
  | { readonly ok: true; readonly items: readonly Item[] }
  | { readonly ok: false; readonly reason: "packet-version" | "packet-malformed" | "packet-too-large" };

/** Undefined items, excess of any kind and trailing bytes refuse the whole packet. */
export function parsePacket(bytes: Uint8Array): ParsedPacket {
  if (bytes.length > PACKET_BYTES_MAX + REVOCATION_BYTES_MAX) return { ok: false, reason: "packet-too-large" };
  const reader = new ByteReader(bytes);
  if (reader.u8() !== PACKET_VERSION) return { ok: false, reason: "packet-version" };
  const items: Item[] = [];
  const spent = { statements: 0, ranges: 0, digests: 0, others: 0 };
  while (!reader.bad && reader.remaining > 0) {
    const item = readItem(reader);
    if (!item || !withinLimits(item, spent)) return { ok: false, reason: "packet-malformed" };
    items.push(item);
  }
  return reader.complete ? { ok: true, items } : { ok: false, reason: "packet-malformed" };
}

function withinLimits(item: Item, spent: { statements: number; ranges: number; digests: number; others: number }) {
  if (item.kind === "statement") spent.statements += 1;
  else if (SINGLE.has(item.kind)) spent.others += 1;
  else spent.ranges += 1;
  if ("digests" in item) spent.digests += item.digests.length;
  return (
    spent.statements <= PACKET_STATEMENTS_MAX &&
    spent.ranges <= PACKET_RANGES_MAX &&
    spent.digests <= PACKET_DIGESTS_MAX &&
    spent.others <= SINGLES_MAX
  );
}

function readItem(reader: ByteReader): Item | undefined {
  const kind = KINDS.get(reader.u8());
  switch (kind) {
    case "statement":
      return { kind, bytes: reader.sized32(REVOCATION_BYTES_MAX + 1024 * 8) };
    case "range":
      return { kind, prefix: readPrefix(reader), hash: reader.raw(RANGE_HASH_BYTES) };
    case "children":
      return { kind, prefix: readPrefix(reader), hashes: readHashes(reader) };
    case "list":
      return { kind, prefix: readPrefix(reader), digests: readDigests(reader) };
    case "want":
    case "offer":
      return { kind, digests: readDigests(reader) };
    case "gone":
      return { kind, epoch: reader.u64() };
    case "more":
      return { kind };
    case "refused":
      return { kind, reason: reader.ascii(64) };
    case "summons":
      return { kind, epoch: reader.u64(), ring: reader.u16() };
    case "waits":
      return { kind, epoch: reader.u64(), ms: reader.u32() };
    case "interests":
      return { kind, offers: readOffers(reader) };
    default:
      return undefined;
  }
}

function readPrefix(reader: ByteReader): string {
  const length = reader.u8();
  if (length > PREFIX_DIGITS_MAX) reader.refuse();
  const digits = toHex(reader.raw(Math.ceil(length / 2)));
  // One encoding per value: the half byte that pads an odd prefix is zero.
  if (length % 2 === 1 && !digits.endsWith("0")) reader.refuse();
  return digits.slice(0, length);
}

function readHashes(reader: ByteReader): Uint8Array[] {
  return Array.from({ length: CHILDREN }, () => reader.raw(RANGE_HASH_BYTES));
}

function readOffers(reader: ByteReader): InterestOffer[] {
  const count = reader.u16();
  if (count > PACKET_INTERESTS_MAX) reader.refuse();
  const offers: InterestOffer[] = [];
  for (let index = 0; index < count && !reader.bad; index++) {
    const [id, version, bytes] = [reader.raw(MEMBER_ID_BYTES), reader.u64(), reader.u32()];
    const digest = toHex(reader.raw(LISTED_DIGITS / 2));
    if (!reader.bad) offers.push({ id: memberIdFromBytes(id), version, bytes, digest });
  }
  return offers;
}

function readDigests(reader: ByteReader): string[] {
  const count = reader.u16();
  if (count > PACKET_DIGESTS_MAX) reader.refuse();
  const digests: string[] = [];
  for (let index = 0; index < count && !reader.bad; index++) digests.push(toHex(reader.raw(LISTED_DIGITS / 2)));
  return digests;
}
