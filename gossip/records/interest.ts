/**
 * An interest: a member's signed statement of what it subscribes to (rule R22; body layout: docs/protocol.md). The protocol
 * does not open what is in it, and nothing in membership depends on it.
 */
import { ByteReader, ByteWriter, type MemberId, memberIdFromBytes, memberIdToBytes, toHex } from "../../rings/index.js";
import { EPOCH_MAX, INTEREST_BYTES_MAX } from "../limits.js";

const VERSION = 1;

export interface Interest {
  readonly id: MemberId;
  /** SHA-256 of the certificate under which it is signed, 64 hex digits. */
  readonly certificate: string;
  /** 1 .. 2^63-1; under one certificate the higher one wins. */
  readonly version: bigint;
  /** At most INTEREST_BYTES_MAX bytes, for the room topics/; none when the member subscribes to nothing. */
  readonly content: Uint8Array;
}

/** An interest with the bytes that were signed, kept as received. */
export interface SignedInterest extends Interest {
  readonly body: Uint8Array;
  readonly signature: Uint8Array;
}

/** One that I hold, as it is offered to a partner: enough to know whether it is news, and what it would cost. */
export interface InterestOffer {
  readonly id: MemberId;
  readonly version: bigint;
  /** Of its body. */
  readonly bytes: number;
  /** Of its record, as listed. */
  readonly digest: string;
}

export function encodeInterest(interest: Interest, certificateHash: Uint8Array): Uint8Array {
  return new ByteWriter()
    .u8(VERSION)
    .raw(memberIdToBytes(interest.id))
    .raw(certificateHash)
    .u64(interest.version)
    .sized32(interest.content)
    .finish();
}

export function parseInterest(body: Uint8Array): Interest | undefined {
  const reader = new ByteReader(body);
  if (reader.u8() !== VERSION) return undefined;
  const id = reader.raw(32);
  const certificate = toHex(reader.raw(32));
  const version = reader.u64();
  const content = reader.sized32(INTEREST_BYTES_MAX);
  if (!reader.complete || version < 1n || version > EPOCH_MAX) return undefined;
  return { id: memberIdFromBytes(id), certificate, version, content };
}
