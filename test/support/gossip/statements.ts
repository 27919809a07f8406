/** Statements as any holder of a certificate could make them, honest or not: nothing here asks whether they are true. */
import {
  type Accusation,
  type CertificateFacts,
  encodeAccusation,
  encodeInterest,
  encodeNote,
  encodeRevocationList,
  encodeStatement,
  type Note,
  noteSignatureType,
  parsePacket,
  parseStatement,
  type RevocationList,
  type SignedAccusation,
  type SignedInterest,
  type SignedNote,
  type SignedRevocationList,
  TRANSPORT_GRPC,
  type Verified,
} from "../../../gossip/index.js";
import { fromHex, fullMask, type MemberId } from "../../../rings/index.js";
import { fakeSignature, sha256 } from "./authority.js";

/** The accusations among these statements. */
export function accusationsIn(statements: readonly Uint8Array[]): SignedAccusation[] {
  const claims = statements.map((bytes) => parseStatement(bytes));
  return claims.flatMap((claim) => (claim?.kind === "accusation" ? [claim.accusation] : []));
}

export function statementsOf(packet: Uint8Array): Uint8Array[] {
  const parsed = parsePacket(packet);
  return parsed.ok ? parsed.items.flatMap((item) => (item.kind === "statement" ? [item.bytes] : [])) : [];
}

/** Tests are the driver that vouches. */
export function checked<T>(value: T): Verified<T> {
  return value as Verified<T>;
}

export interface NoteOptions {
  readonly ringCount?: number;
  readonly epoch?: bigint;
  readonly leaving?: boolean;
  readonly mask?: Uint8Array;
  readonly metadata?: Uint8Array;
  readonly addresses?: Note["addresses"];
  readonly extensions?: Note["extensions"];
}

export function noteOf(certificate: CertificateFacts, options: NoteOptions = {}): Verified<SignedNote> {
  const note: Note = {
    id: certificate.id,
    certificate: certificate.hash,
    epoch: options.epoch ?? 1n,
    leaving: options.leaving ?? false,
    mask: options.mask ?? fullMask(options.ringCount ?? 9),
    agreementKey: sha256(certificate.leaf),
    addresses: options.addresses ?? [{ transport: TRANSPORT_GRPC, text: `${certificate.id.slice(0, 8)}:1` }],
    metadata: options.metadata ?? new Uint8Array(0),
    ...(options.extensions && { extensions: options.extensions }),
  };
  const body = encodeNote(note, sha256(certificate.leaf));
  return checked({ ...note, body, signature: fakeSignature(certificate.hash, noteSignatureType(note), body) });
}

export function accusationOf(
  accuser: CertificateFacts,
  accused: MemberId,
  ring: number,
  epoch = 1n,
): Verified<SignedAccusation> {
  const accusation: Accusation = { accuser: accuser.id, certificate: accuser.hash, accused, ring, epoch };
  const body = encodeAccusation(accusation, sha256(accuser.leaf));
  return checked({ ...accusation, body, signature: fakeSignature(accuser.hash, "accusation", body) });
}

export interface InterestOptions {
  readonly version?: bigint;
  readonly content?: Uint8Array;
}

export function interestOf(certificate: CertificateFacts, options: InterestOptions = {}): Verified<SignedInterest> {
  const { version = 1n, content = new Uint8Array(0) } = options;
  const interest = { id: certificate.id, certificate: certificate.hash, version, content };
  const body = encodeInterest(interest, sha256(certificate.leaf));
  return checked({ ...interest, body, signature: fakeSignature(certificate.hash, "interest", body) });
}

export function revocationsOf(list: Partial<RevocationList> & { number: bigint }): Verified<SignedRevocationList> {
  const none = { certificates: new Set<string>(), members: new Set<MemberId>(), issuers: new Set<string>() };
  const full: RevocationList = { issuedAt: 0, nextUpdate: 0, ...none, ...list };
  const body = encodeRevocationList(full, (text) => fromHex(text) as Uint8Array);
  const issuer = new TextEncoder().encode("issuer");
  return checked({ ...full, body, signature: fakeSignature("authority", "revocation", body), issuer });
}

export const certificateStatement = (chain: CertificateFacts) => encodeStatement({ kind: "certificate", chain });
export const noteStatement = (note: SignedNote) => encodeStatement({ kind: "note", note });
export const accusationStatement = (accusation: SignedAccusation) =>
  encodeStatement({ kind: "accusation", accusation });
export const equivocationStatement = (...pair: readonly [SignedNote, SignedNote]) =>
  encodeStatement({ kind: "equivocation", pair });
export const interestStatement = (interest: SignedInterest) => encodeStatement({ kind: "interest", interest });
export const revocationStatement = (list: SignedRevocationList) => encodeStatement({ kind: "revocation", list });
