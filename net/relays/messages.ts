/**
 * What members say to each other about relays, as bytes (docs/protocol.md, "Relays"): big-endian, one encoding per value. Each
 * begins with its version. What a peer sends wrong is read as undefined.
 */
import {
  ByteReader,
  ByteWriter,
  MEMBER_ID_BYTES,
  type MemberId,
  memberIdFromBytes,
  memberIdToBytes,
} from "../../rings/index.js";

const VERSION = 1;
/** Characters of an observed address: an IPv6 address with a zone, brackets, a port and a scheme. */
const OBSERVED_CHARS_MAX = 259;
/** Ids in one question of whom a relay reaches: the relays of a member that asks, and of one that is asked for. */
export const REACHES_MAX = 32;
/** The token of one end of a conduit, in bytes: random, and used once. */
export const CONDUIT_TOKEN_BYTES = 32;
/** The longest time that an answer can name, milliseconds. */
export const TIME_MS_MAX = 2 ** 32 - 1;

/**
 * Why a relay does not do what it is asked.
 * - "declined": it relays for nobody.
 * - "full": one of its limits is reached.
 * - "absent": the member that is wanted has no reservation there, or no session with the relay now.
 */
export const REFUSALS = ["declined", "full", "absent"] as const;

export type Refusal = {
  readonly kind: "refused";
  readonly why: (typeof REFUSALS)[number];
  /** To be asked again in so many milliseconds. */
  readonly retryMs: number;
};

/** The answer to a reservation that is granted. */
export interface Granted {
  readonly kind: "granted";
  /** How long it lasts, milliseconds from now; asked for again it lasts as long from then on. */
  readonly forMs: number;
  /** Connections of others to me at once, here. */
  readonly connections: number;
  /** Bytes per second of one member, and at most so for one connection. */
  readonly bytesPerSecond: number;
  /** How long one connection lasts, milliseconds. */
  readonly connectionMs: number;
  /** Where the session comes from that it was asked over, as the relay sees it. */
  readonly observed: string;
}

/** What a member wants of a relay. */
export type Wish = "reserve" | "release";

export function encodeWish(wish: Wish): Uint8Array {
  return Uint8Array.of(VERSION, wish === "reserve" ? 0 : 1);
}

export function decodeWish(body: Uint8Array): Wish | undefined {
  if (body.length !== 2 || body[0] !== VERSION) return undefined;
  return (["reserve", "release"] as const)[body[1]!];
}

/** version | 0, ms u32, connections u16, bytes per second u32, ms u32, address u16 and ASCII; or a refusal, from 1 on */
export function encodeReservation(answer: Granted | Refusal): Uint8Array {
  const writer = new ByteWriter().u8(VERSION);
  if (answer.kind === "refused") return refusal(writer, answer).finish();
  const { forMs, connections, bytesPerSecond, connectionMs, observed } = answer;
  writer.u8(0).u32(forMs).u16(connections).u32(bytesPerSecond).u32(connectionMs);
  return writer.ascii(observed).finish();
}

export function decodeReservation(body: Uint8Array): Granted | Refusal | undefined {
  const reader = new ByteReader(body);
  if (reader.u8() !== VERSION) return undefined;
  const kind = reader.u8();
  if (kind > 0) return readRefusal(reader, kind);
  const answer: Granted = {
    kind: "granted",
    forMs: reader.u32(),
    connections: reader.u16(),
    bytesPerSecond: reader.u32(),
    connectionMs: reader.u32(),
    observed: reader.ascii(OBSERVED_CHARS_MAX),
  };
  return reader.complete ? answer : undefined;
}

/** The first message to a relay on a duplex: with whom it is to be spliced. */
export interface Opening {
  readonly target: MemberId;
  /** Go on to this relay, at which the target has its reservation. */
  readonly next?: MemberId | undefined;
  /** It is asked for on behalf of this member, by the word of the relay that asks. Then it goes no further. */
  readonly origin?: MemberId | undefined;
}

/** version | 0: target; 1: target, next; 2: target, origin */
export function encodeOpening({ target, next, origin }: Opening): Uint8Array {
  const other = next ?? origin;
  const writer = new ByteWriter().u8(VERSION).u8(other === undefined ? 0 : next === undefined ? 2 : 1);
  writer.raw(memberIdToBytes(target));
  return (other === undefined ? writer : writer.raw(memberIdToBytes(other))).finish();
}

export function decodeOpening(body: Uint8Array): Opening | undefined {
  const reader = new ByteReader(body);
  if (reader.u8() !== VERSION) return undefined;
  const kind = reader.u8();
  const target = readId(reader);
  const other = kind === 0 ? undefined : readId(reader);
  if (!reader.complete || kind > 2 || target === undefined) return undefined;
  return kind === 0 ? { target } : kind === 1 ? { target, next: other } : { target, origin: other };
}

/** The first message of a relay on a duplex to a member with a reservation: who is at the other end, by the relay's word. */
export interface Handover {
  readonly caller: MemberId;
  /** The relay before this one, if there are two. */
  readonly first?: MemberId | undefined;
}

export function encodeHandover({ caller, first }: Handover): Uint8Array {
  const writer = new ByteWriter()
    .u8(VERSION)
    .u8(first === undefined ? 0 : 1)
    .raw(memberIdToBytes(caller));
  return (first === undefined ? writer : writer.raw(memberIdToBytes(first))).finish();
}

export function decodeHandover(body: Uint8Array): Handover | undefined {
  const reader = new ByteReader(body);
  if (reader.u8() !== VERSION) return undefined;
  const kind = reader.u8();
  const caller = readId(reader);
  const first = kind === 0 ? undefined : readId(reader);
  if (!reader.complete || kind > 1 || caller === undefined) return undefined;
  return kind === 0 ? { caller } : { caller, first };
}

/** The first message that comes back on either duplex. */
export type Opened = { readonly kind: "opened"; readonly lastsMs: number } | Refusal;

/** version | 0, ms u32; or a refusal */
export function encodeOpened(opened: Opened): Uint8Array {
  const writer = new ByteWriter().u8(VERSION);
  if (opened.kind === "refused") return refusal(writer, opened).finish();
  return writer.u8(0).u32(opened.lastsMs).finish();
}

export function decodeOpened(body: Uint8Array): Opened | undefined {
  const reader = new ByteReader(body);
  if (reader.u8() !== VERSION) return undefined;
  const kind = reader.u8();
  if (kind > 0) return readRefusal(reader, kind);
  const lastsMs = reader.u32();
  return reader.complete ? { kind: "opened", lastsMs } : undefined;
}

/** A question for a conduit to this member: version, target */
export function encodeTarget(target: MemberId): Uint8Array {
  return new ByteWriter().u8(VERSION).raw(memberIdToBytes(target)).finish();
}

export function decodeTarget(body: Uint8Array): MemberId | undefined {
  const reader = new ByteReader(body);
  if (reader.u8() !== VERSION) return undefined;
  const target = readId(reader);
  return reader.complete ? target : undefined;
}

/** One end of a conduit. */
export interface Conduit {
  readonly kind: "conduit";
  readonly lastsMs: number;
  /** CONDUIT_TOKEN_BYTES. */
  readonly token: Uint8Array;
}

/** The answer: version | 0, ms u32, token; or a refusal */
export function encodeConduit(answer: Conduit | Refusal): Uint8Array {
  const writer = new ByteWriter().u8(VERSION);
  if (answer.kind === "refused") return refusal(writer, answer).finish();
  return writer.u8(0).u32(answer.lastsMs).raw(answer.token).finish();
}

export function decodeConduit(body: Uint8Array): Conduit | Refusal | undefined {
  const reader = new ByteReader(body);
  if (reader.u8() !== VERSION) return undefined;
  const kind = reader.u8();
  if (kind > 0) return readRefusal(reader, kind);
  const answer: Conduit = { kind: "conduit", lastsMs: reader.u32(), token: reader.raw(CONDUIT_TOKEN_BYTES).slice() };
  return reader.complete ? answer : undefined;
}

/** What a relay asks of a member with a reservation: version | token. */
export function encodeToken(token: Uint8Array): Uint8Array {
  return new ByteWriter().u8(VERSION).raw(token).finish();
}

export function decodeToken(body: Uint8Array): Uint8Array | undefined {
  const reader = new ByteReader(body);
  if (reader.u8() !== VERSION) return undefined;
  const token = reader.raw(CONDUIT_TOKEN_BYTES).slice();
  return reader.complete ? token : undefined;
}

/** A question which of these members a relay has a session with: at most REACHES_MAX of them are asked for. */
export function encodeIds(ids: readonly MemberId[]): Uint8Array {
  const writer = new ByteWriter().u8(VERSION);
  for (const id of ids.slice(0, REACHES_MAX)) writer.raw(memberIdToBytes(id));
  return writer.finish();
}

export function decodeIds(body: Uint8Array): readonly MemberId[] | undefined {
  const count = (body.length - 1) / MEMBER_ID_BYTES;
  const reader = new ByteReader(body);
  if (reader.u8() !== VERSION || !Number.isInteger(count) || count > REACHES_MAX) return undefined;
  return Array.from({ length: count }, () => memberIdFromBytes(reader.raw(MEMBER_ID_BYTES)));
}

function refusal(writer: ByteWriter, { why, retryMs }: Refusal): ByteWriter {
  return writer.u8(REFUSALS.indexOf(why) + 1).u32(Math.min(Math.ceil(retryMs), TIME_MS_MAX));
}

function readRefusal(reader: ByteReader, kind: number): Refusal | undefined {
  const why = REFUSALS[kind - 1];
  const retryMs = reader.u32();
  return reader.complete && why !== undefined ? { kind: "refused", why, retryMs } : undefined;
}

function readId(reader: ByteReader): MemberId | undefined {
  const bytes = reader.raw(MEMBER_ID_BYTES);
  return bytes.length === MEMBER_ID_BYTES ? memberIdFromBytes(bytes) : undefined;
}
