/** The revocation list: numbered, signed by an issuing certificate of the authority, gossiped (rule R17). */
import { ByteReader, ByteWriter, type MemberId, memberIdFromBytes, toHex } from "../../rings/index.js";
import { REVOCATION_BYTES_MAX } from "../limits.js";

const VERSION = 1;
const ENTRY_CERTIFICATE = 1;
const ENTRY_MEMBER = 2;
const ENTRY_ISSUER = 3;
const ENTRY_BYTES = 33;

export interface RevocationList {
  /**
   * The highest number wins. Its upper half is the second from which the signing certificate is valid, which whoever
   * checks the signature compares: so the thief of an older issuing key cannot outrank the newer one.
   */
  readonly number: bigint;
  /** Unix time in milliseconds; from it members tell the age of what they hold. */
  readonly issuedAt: number;
  /** Unix time in milliseconds by which the authority promises the next list, changed or not. */
  readonly nextUpdate: number;
  /** Hashes of revoked certificates (a stolen key), 64 hex digits each. */
  readonly certificates: ReadonlySet<string>;
  /** Revoked members (a principal thrown out), whatever their certificate. */
  readonly members: ReadonlySet<MemberId>;
  /** Hashes of issuing certificates that are retired or stolen, 64 hex digits: nothing below them is good any more. */
  readonly issuers: ReadonlySet<string>;
}

export interface SignedRevocationList extends RevocationList {
  readonly body: Uint8Array;
  readonly signature: Uint8Array;
  /** DER of the issuing certificate that signed it. */
  readonly issuer: Uint8Array;
}

/** Entries are written in ascending order, so that one list has one encoding. */
export function encodeRevocationList(list: RevocationList, fromHex: (text: string) => Uint8Array): Uint8Array {
  const { certificates, members, issuers } = list;
  const writer = new ByteWriter().u8(VERSION).u64(list.number).u64(BigInt(list.issuedAt)).u64(BigInt(list.nextUpdate));
  writer.u32(certificates.size + members.size + issuers.size);
  for (const hash of [...certificates].sort()) writer.u8(ENTRY_CERTIFICATE).raw(fromHex(hash));
  for (const id of [...members].sort()) writer.u8(ENTRY_MEMBER).raw(fromHex(id));
  for (const hash of [...issuers].sort()) writer.u8(ENTRY_ISSUER).raw(fromHex(hash));
  return writer.finish();
}

export function parseRevocationList(body: Uint8Array): RevocationList | undefined {
  if (body.length > REVOCATION_BYTES_MAX) return undefined;
  const reader = new ByteReader(body);
  if (reader.u8() !== VERSION) return undefined;
  const number = reader.u64();
  const [issuedAt, nextUpdate] = [Number(reader.u64()), Number(reader.u64())];
  // A date beyond 2^53 ms would be rounded, and the list have two encodings.
  if (!Number.isSafeInteger(issuedAt) || !Number.isSafeInteger(nextUpdate)) return undefined;
  const entries = readEntries(reader);
  return entries && reader.complete ? { number, issuedAt, nextUpdate, ...entries } : undefined;
}

function readEntries(reader: ByteReader): Pick<RevocationList, "certificates" | "members" | "issuers"> | undefined {
  const count = reader.u32();
  if (reader.remaining !== count * ENTRY_BYTES) return undefined;
  const [certificates, members, issuers] = [new Set<string>(), new Set<MemberId>(), new Set<string>()];
  let previous = "";
  for (let index = 0; index < count; index++) {
    const kind = reader.u8();
    const bytes = reader.raw(32);
    const entry = `${kind}${toHex(bytes)}`;
    if (entry <= previous) return undefined;
    previous = entry;
    if (kind === ENTRY_CERTIFICATE) certificates.add(entry.slice(1));
    else if (kind === ENTRY_MEMBER) members.add(memberIdFromBytes(bytes));
    else if (kind === ENTRY_ISSUER) issuers.add(entry.slice(1));
    else return undefined;
  }
  return { certificates, members, issuers };
}
