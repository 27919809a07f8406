/**
 * What a published revocation list says, so that a restored authority learns what its backup did not know: the answer of
 * /v1/revocations (JSON) or a certificate list of /v1/crl (DER or PEM), each signed by an issuing certificate of the backup.
 */
import {
  FirefliesError,
  messageOf,
  openCrl,
  publicKeyFromSpki,
  type RevocationsAnswer,
  sha256Hex,
  spkiOfCertificate,
  verify,
} from "../../identity/index.js";
import { type MemberId, memberIdFromBytes, toHex } from "../../rings/index.js";

/** Layout of the list's body: docs/protocol.md, Bytes. */
const HEAD_BYTES = 29;
const ENTRY_BYTES = 33;
const KIND = { certificate: 1, member: 2 } as const;
const REVOCATIONS_MAX = 1_000_000;

/** An issuing certificate of the backup. */
export interface KnownIssuer {
  readonly networkId: Uint8Array;
  /** DER. */
  readonly certificate: Uint8Array;
}

/** Who is revoked in one network, by what the list knows of them. */
export interface Named {
  readonly networkId: Uint8Array;
  /** As the store counts lists. */
  readonly number: number;
  readonly members: readonly MemberId[];
  /** SHA-256 of certificates, 64 hex digits. */
  readonly hashes: readonly string[];
  /** Hexadecimal, as the authority writes them. */
  readonly serials: readonly string[];
}

/** Rejects with "ca-options-invalid" for what is no list, or none of this authority. */
export async function namedIn(list: Uint8Array, issuers: readonly KnownIssuer[]): Promise<Named> {
  const text = Buffer.from(list).toString("latin1");
  try {
    return text.trimStart().startsWith("{") ? namedInJson(text, issuers) : await namedInCrl(list, issuers);
  } catch (cause) {
    if (cause instanceof FirefliesError) throw cause;
    throw foreign(messageOf(cause), cause);
  }
}

function namedInJson(text: string, issuers: readonly KnownIssuer[]): Named {
  const { list } = JSON.parse(text) as RevocationsAnswer;
  if (list === undefined) throw foreign("it is empty");
  const [body, signature, certificate] = [list.body, list.signature, list.issuer].map(fromBase64);
  const issuer = issuers.find((each) => sha256Hex(each.certificate) === sha256Hex(certificate!));
  if (issuer === undefined) throw foreign("its issuing certificate is retired, or not in the backup");
  const { networkId } = issuer;
  if (!verify(keyOf(issuer), "revocation", networkId, body!, signature!)) throw foreign("its signature is wrong");
  const entries = entriesOf(body!);
  const ofKind = (kind: number) => entries.filter((entry) => entry[0] === kind).map((entry) => entry.subarray(1));
  return {
    networkId,
    number: countOf(Buffer.from(body!).readBigUInt64BE(1)),
    members: ofKind(KIND.member).map((id) => memberIdFromBytes(new Uint8Array(id))),
    hashes: ofKind(KIND.certificate).map(toHex),
    serials: [],
  };
}

function entriesOf(body: Uint8Array): Uint8Array[] {
  const count = (body.length - HEAD_BYTES) / ENTRY_BYTES;
  if (!Number.isInteger(count) || count < 0 || count > REVOCATIONS_MAX) throw foreign("its length is wrong");
  return Array.from({ length: count }, (_, index) =>
    body.subarray(HEAD_BYTES + index * ENTRY_BYTES, HEAD_BYTES + (index + 1) * ENTRY_BYTES),
  );
}

async function namedInCrl(list: Uint8Array, issuers: readonly KnownIssuer[]): Promise<Named> {
  const { number, serials, isSignedBy } = await openCrl(list);
  const issuer = issuers.find(({ certificate }) => isSignedBy(certificate));
  if (issuer === undefined) throw foreign("no issuing certificate of the backup signed it");
  return { networkId: issuer.networkId, number: countOf(number), members: [], hashes: [], serials };
}

/** The lower half of a list's number; the upper one ranks issuing certificates. */
function countOf(number: bigint): number {
  return Number(number & 0xffffffffn);
}

function keyOf({ certificate }: KnownIssuer) {
  const key = publicKeyFromSpki(spkiOfCertificate(certificate) ?? new Uint8Array());
  if (key === undefined) throw foreign("the backup's issuing certificate has no usable key");
  return key;
}

function fromBase64(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, "base64"));
}

function foreign(what: string, cause?: unknown): FirefliesError {
  return new FirefliesError("ca-options-invalid", `This is no revocation list of this authority: ${what}.`, { cause });
}
