/**
 * A statement is whatever members hold in common and exchange: certificates, notes, accusations, proofs of
 * equivocation, the revocation list, interests. It travels as a kind, a body and what proves it, and is known everywhere by its
 * record: a digest of kind, subject, epoch and body, never of a signature, because ECDSA signatures are malleable.
 */
import {
  ByteReader,
  ByteWriter,
  concatBytes,
  MEMBER_ID_BYTES,
  type MemberId,
  memberIdToBytes,
  type Sha256,
  toHex,
} from "../../rings/index.js";
import { CERTIFICATE_BYTES_MAX, INTEREST_BYTES_MAX, NOTE_BYTES_MAX, REVOCATION_BYTES_MAX } from "../limits.js";
import { type Accusation, parseAccusation } from "./accusation.js";
import { type CertificateChain, encodeChain, parseChain } from "./certificate.js";
import { type Interest, type InterestOffer, parseInterest } from "./interest.js";
import { type Note, parseNote } from "./note.js";
import { parseRevocationList, type RevocationList } from "./revocation.js";

const SIGNATURE_BYTES = 64;
const ACCUSATION_BYTES_MAX = 256;
/** Of an interest's body before its content: version, id, certificate, number, length. */
const INTEREST_HEAD_BYTES = 1 + MEMBER_ID_BYTES + 32 + 8 + 4;

/** What a record's digest is taken over: kind, subject (zeros for none), epoch, hash of the body. */
const RECORD_EPOCH_AT = 1 + MEMBER_ID_BYTES;
const RECORD_BYTES = RECORD_EPOCH_AT + 8 + 32;

const KIND_CERTIFICATE = 1;
const KIND_NOTE = 2;
const KIND_ACCUSATION = 3;
const KIND_EQUIVOCATION = 4;
/** How the statement of a revocation list begins. */
export const KIND_REVOCATION = 5;
const KIND_INTEREST = 6;

/**
 * How the digest of an interest's record begins, in hex digits. So they are one range of the tree, the last one: in every list
 * they come behind what membership needs. (One in 65,536 of the others comes among them by chance.)
 */
const INTEREST_RANGE = "ffff";

interface Signed {
  readonly body: Uint8Array;
  /** r || s, 64 bytes. */
  readonly signature: Uint8Array;
}

/** Parsed, and nothing more: no signature was checked, no rule was asked. */
export type Claim =
  | { readonly kind: "certificate"; readonly chain: CertificateChain }
  | { readonly kind: "note"; readonly note: Note & Signed }
  | { readonly kind: "accusation"; readonly accusation: Accusation & Signed }
  | { readonly kind: "equivocation"; readonly pair: readonly [Note & Signed, Note & Signed] }
  | { readonly kind: "revocation"; readonly list: RevocationList & Signed & { readonly issuer: Uint8Array } }
  | { readonly kind: "interest"; readonly interest: Interest & Signed };

export type StatementKind = Claim["kind"];

export function encodeStatement(claim: Claim): Uint8Array {
  switch (claim.kind) {
    case "certificate":
      return new ByteWriter().u8(KIND_CERTIFICATE).raw(encodeChain(claim.chain)).finish();
    case "note":
      return writeSigned(new ByteWriter().u8(KIND_NOTE), claim.note).finish();
    case "accusation":
      return writeSigned(new ByteWriter().u8(KIND_ACCUSATION), claim.accusation).finish();
    case "equivocation": {
      const writer = new ByteWriter().u8(KIND_EQUIVOCATION);
      return writeSigned(writeSigned(writer, claim.pair[0]), claim.pair[1]).finish();
    }
    case "revocation":
      return writeSigned(new ByteWriter().u8(KIND_REVOCATION), claim.list).sized16(claim.list.issuer).finish();
    case "interest":
      return writeSigned(new ByteWriter().u8(KIND_INTEREST), claim.interest).finish();
  }
}

function writeSigned(writer: ByteWriter, signed: Signed): ByteWriter {
  return writer.sized32(signed.body).raw(signed.signature);
}

/** Undefined when the bytes are not exactly one statement of a known kind. */
export function parseStatement(bytes: Uint8Array): Claim | undefined {
  const reader = new ByteReader(bytes);
  const kind = reader.u8();
  if (kind === KIND_CERTIFICATE) {
    const chain = parseChain(reader.raw(reader.remaining));
    return chain && { kind: "certificate", chain };
  }
  const claim = parseSignedKind(kind, reader);
  return reader.complete ? claim : undefined;
}

function parseSignedKind(kind: number, reader: ByteReader): Claim | undefined {
  if (kind === KIND_NOTE) {
    const note = readSigned(reader, NOTE_BYTES_MAX, parseNote);
    return note && { kind: "note", note };
  }
  if (kind === KIND_ACCUSATION) {
    const accusation = readSigned(reader, ACCUSATION_BYTES_MAX, parseAccusation);
    return accusation && { kind: "accusation", accusation };
  }
  if (kind === KIND_EQUIVOCATION) {
    const first = readSigned(reader, NOTE_BYTES_MAX, parseNote);
    const second = readSigned(reader, NOTE_BYTES_MAX, parseNote);
    return first && second && { kind: "equivocation", pair: [first, second] };
  }
  if (kind === KIND_INTEREST) {
    const interest = readSigned(reader, INTEREST_HEAD_BYTES + INTEREST_BYTES_MAX, parseInterest);
    return interest && { kind: "interest", interest };
  }
  if (kind !== KIND_REVOCATION) return undefined;
  const list = readSigned(reader, REVOCATION_BYTES_MAX, parseRevocationList);
  const issuer = reader.sized16(CERTIFICATE_BYTES_MAX);
  return list && { kind: "revocation", list: { ...list, issuer } };
}

function readSigned<T>(
  reader: ByteReader,
  max: number,
  parse: (body: Uint8Array) => T | undefined,
): (T & Signed) | undefined {
  const body = reader.sized32(max);
  const signature = reader.raw(SIGNATURE_BYTES);
  const value = reader.bad ? undefined : parse(body);
  return value && { ...value, body, signature };
}

/** Whose standing a statement bears on; a certificate, a list or an interest alone changes nobody's. */
export function subjectOf(claim: Claim): MemberId | undefined {
  if (claim.kind === "note") return claim.note.id;
  if (claim.kind === "accusation") return claim.accusation.accused;
  return claim.kind === "equivocation" ? claim.pair[0].id : undefined;
}

/** The record of a statement: 64 hex digits over kind, subject, epoch and the hash of its body (protocol section 6). */
export function recordDigest(sha256: Sha256, claim: Claim): string {
  const { subject, epoch, bodyHash } = recordOf(sha256, claim);
  const record = new Uint8Array(RECORD_BYTES);
  record[0] = KIND_NUMBERS[claim.kind];
  if (subject) record.set(memberIdToBytes(subject), 1);
  new DataView(record.buffer).setBigUint64(RECORD_EPOCH_AT, epoch);
  record.set(bodyHash, RECORD_EPOCH_AT + 8);
  const digest = toHex(sha256(record));
  return claim.kind === "interest" ? INTEREST_RANGE + digest.slice(INTEREST_RANGE.length) : digest;
}

/** May this be the digest of an interest's record? Without it none need be looked up: so begin few of the others. */
export function mayBeInterest(digest: string): boolean {
  return digest.startsWith(INTEREST_RANGE);
}

/** Is this the record of an interest? By the first byte of its statement. */
export function isInterest(record: StoredRecord): boolean {
  return record.bytes[0] === KIND_INTEREST;
}

/** The record of an interest as it is offered; undefined for another one. */
export function offerOf(record: StoredRecord): InterestOffer | undefined {
  const claim = isInterest(record) ? parseStatement(record.bytes) : undefined;
  if (claim?.kind !== "interest") return undefined;
  const { id, version, body } = claim.interest;
  return { id, version, bytes: body.length, digest: record.digest };
}

/** The statements of all others. */
export function withoutInterests(records: Iterable<StoredRecord>): Uint8Array[] {
  return Array.from(records).flatMap((record) => (isInterest(record) ? [] : [record.bytes]));
}

interface RecordParts {
  readonly subject?: MemberId;
  readonly epoch: bigint;
  readonly bodyHash: Uint8Array;
}

function recordOf(sha256: Sha256, claim: Claim): RecordParts {
  switch (claim.kind) {
    case "certificate":
      return { epoch: 0n, bodyHash: sha256(claim.chain.leaf) };
    case "note":
      return { subject: claim.note.id, epoch: claim.note.epoch, bodyHash: sha256(claim.note.body) };
    case "accusation": {
      const { accused, epoch, body } = claim.accusation;
      return { subject: accused, epoch, bodyHash: sha256(body) };
    }
    case "equivocation": {
      const [first, second] = claim.pair;
      const bodyHash = sha256(concatBytes(sha256(first.body), sha256(second.body)));
      return { subject: first.id, epoch: first.epoch, bodyHash };
    }
    case "revocation":
      return { epoch: claim.list.number, bodyHash: sha256(claim.list.body) };
    case "interest":
      return { subject: claim.interest.id, epoch: claim.interest.version, bodyHash: sha256(claim.interest.body) };
  }
}

const KIND_NUMBERS: Readonly<Record<StatementKind, number>> = {
  certificate: KIND_CERTIFICATE,
  note: KIND_NOTE,
  accusation: KIND_ACCUSATION,
  equivocation: KIND_EQUIVOCATION,
  revocation: KIND_REVOCATION,
  interest: KIND_INTEREST,
};

/** A record that can be handed on: its whole digest, and the one encoding that its statement has. */
export interface StoredRecord {
  readonly digest: string;
  readonly bytes: Uint8Array;
}

/**
 * What a statement claims, and the digest of its record. Both depend on nothing but its bytes, so machines of one process may
 * share a reader that remembers; each by itself reads anew.
 */
export interface ReadStatement {
  readonly claim: Claim;
  /** As by `recordDigest`. */
  readonly digest: string;
  /** All of it, and nothing around it: what is admitted is handed on as it came. */
  readonly bytes: Uint8Array;
}

/** Undefined when the bytes are not exactly one statement. The result must not hold on to `bytes`: they may be a packet's. */
export type StatementReader = (bytes: Uint8Array) => ReadStatement | undefined;

/** A reader without memory. */
export function statementReader(sha256: Sha256): StatementReader {
  return (bytes) => {
    // A copy: what is held of one statement must not hold the whole packet that it came in.
    const own = new Uint8Array(bytes);
    const claim = parseStatement(own);
    return claim && { claim, digest: recordDigest(sha256, claim), bytes: own };
  };
}
