/** An accusation: a monitor's signed statement "the member after me on this ring does not answer" (TOCS 2015, section 3). */
import { ByteReader, ByteWriter, type MemberId, memberIdFromBytes, memberIdToBytes, toHex } from "../../rings/index.js";

const VERSION = 1;

export interface Accusation {
  readonly accuser: MemberId;
  /** SHA-256 of the accuser's certificate, 64 hex digits. */
  readonly certificate: string;
  readonly accused: MemberId;
  /** 1 .. ring count. */
  readonly ring: number;
  /** Epoch of the accused's note that this accusation is against. */
  readonly epoch: bigint;
}

export interface SignedAccusation extends Accusation {
  readonly body: Uint8Array;
  readonly signature: Uint8Array;
}

export function encodeAccusation(accusation: Accusation, certificateHash: Uint8Array): Uint8Array {
  return new ByteWriter()
    .u8(VERSION)
    .raw(memberIdToBytes(accusation.accuser))
    .raw(certificateHash)
    .raw(memberIdToBytes(accusation.accused))
    .u16(accusation.ring)
    .u64(accusation.epoch)
    .finish();
}

export function parseAccusation(body: Uint8Array): Accusation | undefined {
  const reader = new ByteReader(body);
  if (reader.u8() !== VERSION) return undefined;
  const accuser = reader.raw(32);
  const certificate = toHex(reader.raw(32));
  const accused = reader.raw(32);
  const ring = reader.u16();
  const epoch = reader.u64();
  if (!reader.complete) return undefined;
  return { accuser: memberIdFromBytes(accuser), certificate, accused: memberIdFromBytes(accused), ring, epoch };
}

/** Names one accusation among all that can be held; the timer of rule R6 is kept under it. */
export function accusationKey(accusation: Accusation): string {
  return `${accusation.accused}/${accusation.epoch}/${accusation.ring}/${accusation.accuser}`;
}
