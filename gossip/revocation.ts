/** The revocation list: numbered, signed by an issuing certificate of the authority, gossiped (rule R17). */
import { type MemberId, memberIdFromBytes, toHex } from "../rings/index.js";
import { ByteReader, ByteWriter } from "./bytes.js";
import { REVOCATION_BYTES_MAX } from "./limits.js";

const VERSION = 1;
const ENTRY_CERTIFICATE = 1;
const ENTRY_MEMBER = 2;
const ENTRY_BYTES = 33;

export interface RevocationList {
  /** The highest number wins. */
  readonly number: bigint;
  /** Unix time in milliseconds; from it members tell the age of what they hold. */
  readonly issuedAt: number;
  /** Hashes of revoked certificates (a stolen key), 64 hex digits each. */
  readonly certificates: ReadonlySet<string>;
  /** Revoked members (a principal thrown out), whatever their certificate. */
  readonly members: ReadonlySet<MemberId>;
}

export interface SignedRevocationList extends RevocationList {
  readonly body: Uint8Array;
  readonly signature: Uint8Array;
  /** DER of the issuing certificate that signed it. */
  readonly issuer: Uint8Array;
}

/** Entries are written in ascending order, so that one list has one encoding. */
export function encodeRevocationList(list: RevocationList, fromHex: (text: string) => Uint8Array): Uint8Array {
  const writer = new ByteWriter().u8(VERSION).u64(list.number).u64(BigInt(list.issuedAt));
  writer.u32(list.certificates.size + list.members.size);
  for (const hash of [...list.certificates].sort()) writer.u8(ENTRY_CERTIFICATE).raw(fromHex(hash));
  for (const id of [...list.members].sort()) writer.u8(ENTRY_MEMBER).raw(fromHex(id));
  return writer.finish();
}

export function parseRevocationList(body: Uint8Array): RevocationList | undefined {
  if (body.length > REVOCATION_BYTES_MAX) return undefined;
  const reader = new ByteReader(body);
  if (reader.u8() !== VERSION) return undefined;
  const number = reader.u64();
  const issuedAt = Number(reader.u64());
  const count = reader.u32();
  // A date beyond 2^53 ms would be rounded, and the list have two encodings.
  if (!Number.isSafeInteger(issuedAt) || reader.remaining !== count * ENTRY_BYTES) return undefined;
  const certificates = new Set<string>();
  const members = new Set<MemberId>();
  let previous = "";
  for (let index = 0; index < count; index++) {
    const kind = reader.u8();
    const bytes = reader.raw(32);
    const entry = `${kind}${toHex(bytes)}`;
    if (entry <= previous) return undefined;
    previous = entry;
    if (kind === ENTRY_CERTIFICATE) certificates.add(entry.slice(1));
    else if (kind === ENTRY_MEMBER) members.add(memberIdFromBytes(bytes));
    else return undefined;
  }
  return reader.complete ? { number, issuedAt, certificates, members } : undefined;
}
