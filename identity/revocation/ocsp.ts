/** Questions and answers of the online certificate status protocol (RFC 6960), basic answers by a delegated responder. */
import { createHash } from "node:crypto";
import { equalBytes, toHex } from "../../rings/index.js";
import { EXPLICIT_0, readCertificate } from "../certificates/certificate-fields.js";
import type { Issuer, Validity } from "../certificates/issuer.js";
import { writeExtension, writeGeneralizedTime, writeOid, writeSigned } from "../certificates/x509-structures.js";
import {
  attempt,
  contentOf,
  type DerElement,
  oidHex,
  type Reading,
  Refusal,
  readBitString,
  readChildren,
  readDer,
  readUnsigned,
  TAG,
  writeDer,
} from "../der.js";
import { REVOCATION_REASONS, type RevocationReason } from "./crl.js";

/** One certificate has 100 bytes; whoever asks for more at once has no need to. */
export const STATUS_REQUEST_BYTES_MAX = 2_048;
export const STATUS_QUESTIONS_MAX = 8;
/** RFC 8954: 32; the first clients that asked for more had 128. */
const NONCE_BYTES_MAX = 128;
const BASIC_RESPONSE = oidHex("1.3.6.1.5.5.7.48.1.1");
const NONCE = oidHex("1.3.6.1.5.5.7.48.1.2");
const HASHES: Readonly<Record<string, string>> = {
  [oidHex("1.3.14.3.2.26")]: "sha1",
  [oidHex("2.16.840.1.101.3.4.2.1")]: "sha256",
};
const EXPLICIT_1 = 0xa1;
const EXPLICIT_2 = 0xa2;
const ENUMERATED = 0x0a;
const GOOD = Uint8Array.of(0x80, 0);
const UNKNOWN = Uint8Array.of(0x82, 0);

/** What is asked about one certificate. */
export interface StatusQuestion {
  /** CertID, DER: goes back as it came. */
  readonly certId: Uint8Array;
  /** Name of a hash, and its values of the issuer's name and key. */
  readonly hash: string;
  readonly issuerName: Uint8Array;
  readonly issuerKey: Uint8Array;
  /** Hexadecimal, at least 32 digits. */
  readonly serial: string;
}

export interface StatusRequest {
  readonly questions: readonly StatusQuestion[];
  readonly nonce: Uint8Array | undefined;
}

export type CertificateStatus =
  | { readonly kind: "good" }
  | { readonly kind: "revoked"; readonly at: number; readonly reason: RevocationReason }
  | { readonly kind: "unknown" };

/** Reads an OCSPRequest. A signature on it is not asked for, and not looked at. */
export function readStatusRequest(der: Uint8Array): Reading<StatusRequest> {
  return attempt(() => {
    if (der.length > STATUS_REQUEST_BYTES_MAX) throw new Refusal("too-large");
    const [tbs] = readChildren(readDer(der));
    const fields = readChildren(tbs);
    const list = fields.find(({ tag }) => tag === TAG.sequence);
    const requests = readChildren(list);
    if (requests.length === 0 || requests.length > STATUS_QUESTIONS_MAX) throw new Refusal("questions");
    const extensions = fields.find(({ tag }) => tag === EXPLICIT_2);
    return { questions: requests.map(readQuestion), nonce: extensions && readNonce(extensions) };
  });
}

function readQuestion(request: DerElement): StatusQuestion {
  const [certId] = readChildren(request);
  const [algorithm, name, key, serial] = readChildren(certId);
  const [oid] = readChildren(algorithm);
  const hash = HASHES[toHex(contentOf(oid, TAG.oid))];
  if (hash === undefined) throw new Refusal("hash");
  return {
    certId: certId!.bytes,
    hash,
    issuerName: contentOf(name, TAG.octetString),
    issuerKey: contentOf(key, TAG.octetString),
    serial: readUnsigned(serial).toString(16).padStart(32, "0"),
  };
}

function readNonce(explicit: DerElement): Uint8Array | undefined {
  const [list] = readChildren(explicit, EXPLICIT_2);
  for (const extension of readChildren(list)) {
    const fields = readChildren(extension);
    if (toHex(contentOf(fields[0], TAG.oid)) !== NONCE) continue;
    const value = contentOf(fields.at(-1), TAG.octetString);
    if (value.length > NONCE_BYTES_MAX) throw new Refusal("nonce");
    return value;
  }
  return undefined;
}

/** Whether a question is about a certificate that this one signed. */
export function isAboutIssuer({ hash, issuerName, issuerKey }: StatusQuestion, issuer: Uint8Array): boolean {
  const { subject, spki } = readCertificate(issuer);
  const key = readBitString(readChildren(readDer(spki))[1]);
  const digest = (data: Uint8Array) => new Uint8Array(createHash(hash).update(data).digest());
  return equalBytes(digest(subject), issuerName) && equalBytes(digest(key), issuerKey);
}

/** A signed answer, DER. `responder` is a certificate for signing OCSP answers, with its key. */
export async function createStatusAnswer(input: {
  readonly responder: Issuer;
  readonly answers: readonly { readonly question: StatusQuestion; readonly status: CertificateStatus }[];
  readonly nonce: Uint8Array | undefined;
  /** From when on this is so, and until when it may be kept. */
  readonly validity: Validity;
}): Promise<Uint8Array> {
  const { responder, answers, nonce, validity } = input;
  const { subject } = readCertificate(responder.certificate);
  const until = writeDer(EXPLICIT_0, writeGeneralizedTime(validity.notAfter));
  const from = writeGeneralizedTime(validity.notBefore);
  const singles = answers.map(({ question, status }) =>
    writeDer(TAG.sequence, question.certId, writeStatus(status), from, until),
  );
  const extensions = nonce && writeDer(EXPLICIT_1, writeDer(TAG.sequence, writeExtension(NONCE, nonce)));
  const data = writeDer(
    TAG.sequence,
    writeDer(EXPLICIT_1, subject),
    from,
    writeDer(TAG.sequence, ...singles),
    ...(extensions ? [extensions] : []),
  );
  const certificates = writeDer(EXPLICIT_0, writeDer(TAG.sequence, responder.certificate));
  const basic = writeSigned(data, await responder.sign(data), certificates);
  const bytes = writeDer(TAG.sequence, writeOid(BASIC_RESPONSE), writeDer(TAG.octetString, basic));
  return writeDer(TAG.sequence, writeDer(ENUMERATED, Uint8Array.of(0)), writeDer(EXPLICIT_0, bytes));
}

/** An answer without a signature (RFC 6960, 2.3): the question made no sense, or cannot be answered now. */
export function statusFailure(why: "malformedRequest" | "tryLater" | "unauthorized"): Uint8Array {
  const code = { malformedRequest: 1, tryLater: 3, unauthorized: 6 }[why];
  return writeDer(TAG.sequence, writeDer(ENUMERATED, Uint8Array.of(code)));
}

function writeStatus(status: CertificateStatus): Uint8Array {
  if (status.kind === "good") return GOOD;
  if (status.kind === "unknown") return UNKNOWN;
  const code = REVOCATION_REASONS[status.reason];
  const reason = code === 0 ? [] : [writeDer(EXPLICIT_0, writeDer(ENUMERATED, Uint8Array.of(code)))];
  return writeDer(EXPLICIT_1, writeGeneralizedTime(status.at), ...reason);
}
