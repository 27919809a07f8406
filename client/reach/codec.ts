/**
 * What members ask each other about addresses, as bytes:
 *
 *     observe:    version u8   ->   version u8 | unix milliseconds u64 | way u8 | address | whence UDP came | version of the software
 *     dial-back:  version u8 | number u8 | addresses   ->   version u8 | number u8 | each: outcome u8, milliseconds u32
 *
 * An address is ASCII after its length as 16 bits; an empty one stands for "none".
 */
import { ByteReader, ByteWriter } from "../../rings/index.js";

/** Protocol ids: from which address a member sees me come, and addresses of mine to be dialled anew. */
export const OBSERVE = "observe";
export const DIAL_BACK = "dial-back";
const VERSION = 1;
/** ASCII characters of an address: as many as a note allows, and "udp://" before it. */
const ADDRESS_CHARS_MAX = 272;
/** ASCII characters of a version: 0.1.0-beta.12. */
const VERSION_CHARS_MAX = 32;
/** Addresses of one request: what a member may advertise, and as many for pings. */
export const DIAL_BACK_ADDRESSES_MAX = 16;
/** Bytes of the longest answer to "observe". */
export const OBSERVE_BYTES_MAX = 1 + 8 + 1 + 3 * (2 + ADDRESS_CHARS_MAX);
/** Bytes of the longest request to dial back. */
export const DIAL_BACK_BYTES_MAX = 2 + DIAL_BACK_ADDRESSES_MAX * (2 + ADDRESS_CHARS_MAX);

/**
 * How the session stands between both, as the one that is asked sees it:
 * - `came`: the asking member made it, from `address`.
 * - `dialled`: I made it, by dialling `address`.
 * - `other`: relayed or punched; its address says nothing.
 */
export type Way = (typeof WAYS)[number];
const WAYS = ["other", "came", "dialled"] as const;

export interface Seen {
  /** The clock of the one that is asked, unix milliseconds. */
  readonly time: number;
  readonly way: Way;
  readonly address: string | undefined;
  /** "IP:port" from which the asking member's newest datagram came. */
  readonly udp: string | undefined;
  /** Of the software of the one that is asked, by its own word. */
  readonly version?: string | undefined;
}

/**
 * How a dial back went.
 * - `reached`: the asking member has proven itself there.
 * - `refused`, `timeout`, `no-route`, `unresolved`, `forbidden`: as DialReason.
 * - `somebody-else`: another member, or something that is no member of this network.
 * - `no-transport`: the one that is asked does not have the transport.
 * - `not-yours`: neither the asking member's note nor its session names the address.
 * - `busy`: the budget for such dials is used up.
 * - `failed`: something else, of the one that is asked.
 */
export type DialOutcome = (typeof OUTCOMES)[number];
const OUTCOMES = [
  "reached",
  "refused",
  "timeout",
  "no-route",
  "unresolved",
  "forbidden",
  "somebody-else",
  "no-transport",
  "not-yours",
  "busy",
  "failed",
] as const;

export interface DialledBack {
  readonly outcome: DialOutcome;
  /** Milliseconds that it took. */
  readonly ms: number;
}

export const OBSERVE_REQUEST: Uint8Array = Uint8Array.of(VERSION);

export function encodeSeen({ time, way, address, udp, version }: Seen): Uint8Array {
  const writer = new ByteWriter()
    .u8(VERSION)
    .u64(BigInt(Math.max(0, Math.round(time))))
    .u8(WAYS.indexOf(way));
  return writer
    .ascii(address ?? "")
    .ascii(udp ?? "")
    .ascii((version ?? "").slice(0, VERSION_CHARS_MAX))
    .finish();
}

/** Undefined for anything that `encodeSeen` does not write. */
export function decodeSeen(bytes: Uint8Array): Seen | undefined {
  const reader = new ByteReader(bytes);
  if (reader.u8() !== VERSION) return undefined;
  const time = Number(reader.u64());
  const way = WAYS[reader.u8()];
  const address = reader.ascii(ADDRESS_CHARS_MAX) || undefined;
  const udp = reader.ascii(ADDRESS_CHARS_MAX) || undefined;
  const version = reader.ascii(VERSION_CHARS_MAX) || undefined;
  return reader.complete && way !== undefined ? { time, way, address, udp, version } : undefined;
}

/** At most DIAL_BACK_ADDRESSES_MAX of them. */
export function encodeDialBack(addresses: readonly string[]): Uint8Array {
  const writer = new ByteWriter().u8(VERSION).u8(addresses.length);
  for (const address of addresses) writer.ascii(address);
  return writer.finish();
}

export function decodeDialBack(bytes: Uint8Array): readonly string[] | undefined {
  const reader = new ByteReader(bytes);
  const [version, count] = [reader.u8(), reader.u8()];
  if (version !== VERSION || count > DIAL_BACK_ADDRESSES_MAX) return undefined;
  const addresses = Array.from({ length: count }, () => reader.ascii(ADDRESS_CHARS_MAX));
  return reader.complete ? addresses : undefined;
}

export function encodeDialledBack(results: readonly DialledBack[]): Uint8Array {
  const writer = new ByteWriter().u8(VERSION).u8(results.length);
  for (const { outcome, ms } of results) writer.u8(OUTCOMES.indexOf(outcome)).u32(Math.max(0, Math.round(ms)));
  return writer.finish();
}

/** The results for `count` addresses, in their order. */
export function decodeDialledBack(bytes: Uint8Array, count: number): readonly DialledBack[] | undefined {
  const reader = new ByteReader(bytes);
  if (reader.u8() !== VERSION || reader.u8() !== count) return undefined;
  const read = Array.from({ length: count }, () => ({ outcome: OUTCOMES[reader.u8()], ms: reader.u32() }));
  const known = read.filter((each): each is DialledBack => each.outcome !== undefined);
  return reader.complete && known.length === count ? known : undefined;
}
