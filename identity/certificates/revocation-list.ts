/**
 * The revocation list as the authority writes it (docs/protocol.md, R17 and Bytes). Members read it in gossip/, which
 * the authority does not know; a test holds the two to one layout.
 */
import { compareBytes, concatBytes, fromHex } from "../../rings/index.js";
import { readCertificate } from "./certificate-fields.js";

const VERSION = 1;
const ENTRY = { certificate: 1, member: 2, issuer: 3 } as const;
/** From the second half on a number counts what one issuing certificate has signed. */
const COUNTER_BITS = 32n;
const NUMBER_OFFSET = 1;
const HEAD_BYTES = 29;

export interface Revocations {
  /** Of `revocationNumber`. */
  readonly number: bigint;
  /** Unix milliseconds. */
  readonly issuedAt: number;
  readonly nextUpdate: number;
  /** Hashes of certificates, member ids, hashes of issuing certificates: 64 hex digits each, in any order. */
  readonly certificates: readonly string[];
  readonly members: readonly string[];
  readonly issuers: readonly string[];
}

/** The body that is signed (type "revocation"). */
export function encodeRevocations({ number, issuedAt, nextUpdate, ...lists }: Revocations): Uint8Array {
  const entries = [
    ...lists.certificates.map((hash) => entryOf(ENTRY.certificate, hash)),
    ...lists.members.map((id) => entryOf(ENTRY.member, id)),
    ...lists.issuers.map((hash) => entryOf(ENTRY.issuer, hash)),
  ].sort(compareBytes);
  const head = Buffer.alloc(HEAD_BYTES);
  head.writeUInt8(VERSION);
  head.writeBigUInt64BE(number, NUMBER_OFFSET);
  head.writeBigUInt64BE(BigInt(issuedAt), 9);
  head.writeBigUInt64BE(BigInt(nextUpdate), 17);
  head.writeUInt32BE(entries.length, 25);
  return concatBytes(head, ...entries);
}

function entryOf(kind: number, hex: string): Uint8Array {
  return concatBytes(Uint8Array.of(kind), fromHex(hex)!);
}

/**
 * The number of the list that an issuing certificate signs as its `count`-th (below 2^32): the second from which the
 * certificate is valid in the upper half, so that lists of a newer one outrank all of an older one.
 */
export function revocationNumber(issuer: Uint8Array, count: number): bigint {
  return (secondOf(readCertificate(issuer).notBefore) << COUNTER_BITS) | BigInt(count);
}

/** Whether the number in a list's body is one that an issuing certificate valid from `notBefore` may sign. */
export function hasNumberOf(body: Uint8Array, notBefore: number): boolean {
  if (body.length < HEAD_BYTES) return false;
  const number = Buffer.from(body.buffer, body.byteOffset, body.byteLength).readBigUInt64BE(NUMBER_OFFSET);
  return number >> COUNTER_BITS === secondOf(notBefore);
}

function secondOf(time: number): bigint {
  return BigInt(Math.floor(time / 1_000));
}
