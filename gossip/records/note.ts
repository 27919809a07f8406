/** A note: a member's signed statement "I am alive" (TOCS 2015, section 3; body layout: docs/protocol.md). */
import {
  ByteReader,
  ByteWriter,
  type Extension,
  type MemberId,
  maskProblem,
  memberIdFromBytes,
  memberIdToBytes,
  NO_EXTENSIONS,
  readExtensions,
  toHex,
  writeExtensions,
} from "../../rings/index.js";
import {
  ADDRESS_CHARS_MAX,
  ADDRESSES_BYTES_MAX,
  ADDRESSES_MAX,
  EPOCH_MAX,
  METADATA_BYTES_MAX,
  NOTE_BYTES_MAX,
} from "../limits.js";

const VERSION = 2;
const LEAVING = 1;
const MASK_BYTES_MAX = 1024;
const AGREEMENT_KEY_BYTES = 32;
/** Of an address, before its text: the number of its transport, and the length. */
const ADDRESS_HEADER_BYTES = 3;

/** Where a member is reached. `transport` 1 is gRPC over TCP, 2 is UDP pings; others are kept and passed on unopened. */
export interface Address {
  readonly transport: number;
  /** Printable ASCII, for 1 and 2 "host:port" with IPv6 hosts in brackets. */
  readonly text: string;
}

export const TRANSPORT_GRPC = 1;
export const TRANSPORT_PING = 2;

export interface Note {
  readonly id: MemberId;
  /** SHA-256 of the certificate under which the note is signed, 64 hex digits. */
  readonly certificate: string;
  /** 1 .. 2^63-1; the higher one wins. */
  readonly epoch: bigint;
  readonly leaving: boolean;
  /** One bit per ring, set when the ring may be used to accuse this member. */
  readonly mask: Uint8Array;
  /** X25519 public key for the pairwise keys of pings, 32 bytes. */
  readonly agreementKey: Uint8Array;
  /** In the order in which the member prefers them. */
  readonly addresses: readonly Address[];
  /** Opaque to the protocol. */
  readonly metadata: Uint8Array;
  /** Opaque to the protocol; at most 1 KiB. The names that a member offers, and room for later versions. Left out: none. */
  readonly extensions?: readonly Extension[];
}

/** A note with the bytes that were signed, kept as received. */
export interface SignedNote extends Note {
  readonly body: Uint8Array;
  readonly signature: Uint8Array;
}

/** A last note has a signature type of its own, so that "I leave" can never be made from "I am alive". */
export function noteSignatureType(note: Note): "note" | "leave" {
  return note.leaving ? "leave" : "note";
}

export function encodeNote(note: Note, certificateHash: Uint8Array): Uint8Array {
  const writer = new ByteWriter()
    .u8(VERSION)
    .raw(memberIdToBytes(note.id))
    .raw(certificateHash)
    .u64(note.epoch)
    .u8(note.leaving ? LEAVING : 0)
    .sized16(note.mask)
    .raw(note.agreementKey)
    .u8(note.addresses.length);
  for (const address of note.addresses) writer.u8(address.transport).ascii(address.text);
  return writeExtensions(writer.sized16(note.metadata), note.extensions ?? NO_EXTENSIONS).finish();
}

/** One encoding per value: a body that is not exactly what `encodeNote` writes is refused. */
export function parseNote(body: Uint8Array): Note | undefined {
  if (body.length > NOTE_BYTES_MAX) return undefined;
  const reader = new ByteReader(body);
  if (reader.u8() !== VERSION) return undefined;
  const id = reader.raw(32);
  const certificate = toHex(reader.raw(32));
  const epoch = reader.u64();
  const flags = reader.u8();
  const mask = reader.sized16(MASK_BYTES_MAX);
  const agreementKey = reader.raw(AGREEMENT_KEY_BYTES);
  const addresses = parseAddresses(reader);
  const metadata = reader.sized16(METADATA_BYTES_MAX);
  const extensions = readExtensions(reader);
  if (!reader.complete || flags > LEAVING) return undefined;
  return {
    id: memberIdFromBytes(id),
    certificate,
    epoch,
    leaving: flags === LEAVING,
    mask,
    agreementKey,
    addresses,
    metadata,
    ...(extensions.length > 0 && { extensions }),
  };
}

function parseAddresses(reader: ByteReader): Address[] {
  const count = reader.u8();
  if (count > ADDRESSES_MAX) reader.refuse();
  const addresses: Address[] = [];
  for (let index = 0; index < count && !reader.bad; index++) {
    addresses.push({ transport: reader.u8(), text: reader.ascii(ADDRESS_CHARS_MAX) });
  }
  // A character is a byte; the transport's number and the length take one and two more.
  const bytes = addresses.reduce((sum, { text }) => sum + text.length + ADDRESS_HEADER_BYTES, 0);
  if (bytes > ADDRESSES_BYTES_MAX) reader.refuse();
  return addresses;
}

/** Why a note can't be right, judged from its body and the ring count alone (rules R2 and R10). */
export function noteProblem(note: Note, ringCount: number): string | undefined {
  if (note.epoch < 1n || note.epoch > EPOCH_MAX) return "epoch-range";
  return maskProblem(note.mask, ringCount);
}

/** The address texts of one transport, preferred first. */
export function addressesOf(note: { readonly addresses: readonly Address[] }, transport: number): string[] {
  return note.addresses.filter((address) => address.transport === transport).map((address) => address.text);
}
