/** Reading an X.509 v3 certificate (RFC 5280, section 4.1) into fields, strictly: whatever could be read two ways is refused. */
import { equalBytes, fromHex } from "../../rings/index.js";
import {
  contentOf,
  type DerElement,
  oidHex,
  Refusal,
  readBitString,
  readChildren,
  readDer,
  readUnsigned,
  TAG,
  writeDer,
  writeUnsigned,
} from "../der.js";
import { type AnchorAlgorithm, anchorAlgorithmOf, anchorKeyOf } from "../keys/anchor-key.js";
import { isP256Spki } from "../keys/keys.js";
import { NETWORK_EXTENSION_OID } from "./extension.js";

/** A leaf of ours has about 600 bytes; this leaves room for revocation pointers and long names of other tools. */
export const CERTIFICATE_BYTES_MAX = 4_096;
/** RFC 5280, 4.1.2.2. */
const SERIAL_BYTES_MAX = 20;
/** id-ecdsa-with-SHA256 without parameters (RFC 5758, 3.2). */
export const ECDSA_WITH_SHA256 = "300a06082a8648ce3d040302";
const VERSION_3 = 2n;
export const EXPLICIT_0 = 0xa0;
export const EXPLICIT_3 = 0xa3;
/** The order of P-256: signatures with s above its half are the malleated twins of others. */
const P256_ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;
/** The order of P-384: an imported root may sign with such a key. */
const P384_ORDER = 0xffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973n;

/** Object identifiers of the extensions that we process, as the hexadecimal of their content. */
export const EXTENSION = {
  basicConstraints: oidHex("2.5.29.19"),
  keyUsage: oidHex("2.5.29.15"),
  extendedKeyUsage: oidHex("2.5.29.37"),
  subjectKeyIdentifier: oidHex("2.5.29.14"),
  authorityKeyIdentifier: oidHex("2.5.29.35"),
  subjectAltName: oidHex("2.5.29.17"),
  network: oidHex(NETWORK_EXTENSION_OID),
} as const;
const PROCESSED: ReadonlySet<string> = new Set(Object.values(EXTENSION));

export interface Extension {
  readonly critical: boolean;
  readonly value: Uint8Array;
}

export interface CertificateFields {
  readonly der: Uint8Array;
  /** The signed part. */
  readonly tbs: Uint8Array;
  readonly serial: bigint;
  /** Names in DER: compared byte for byte. */
  readonly issuer: Uint8Array;
  readonly subject: Uint8Array;
  /** Unix milliseconds. */
  readonly notBefore: number;
  readonly notAfter: number;
  /** SubjectPublicKeyInfo: of a P-256 key, but for a root's. */
  readonly spki: Uint8Array;
  readonly extensions: ReadonlyMap<string, Extension>;
  readonly algorithm: AnchorAlgorithm;
  /** r || s, 64 bytes; of a root, or by an imported one of another kind, the content of the BIT STRING. */
  readonly signature: Uint8Array;
}

/** Beside P-256 with SHA-256: what "issuing" is may be signed by an imported root, and "root" may be one; a "leaf" neither. */
export type Role = "leaf" | "issuing" | "root";

/**
 * Throws `Refusal` unless `der` is exactly one well-formed v3 certificate with a P-256 key, signed with ECDSA and SHA-256,
 * or with what else its role allows.
 */
export function readCertificate(der: Uint8Array, role: Role = "issuing"): CertificateFields {
  if (der.length > CERTIFICATE_BYTES_MAX) throw new Refusal("too-large");
  const [tbs, identifier, bits, ...rest] = readChildren(readDer(der));
  if (tbs === undefined || rest.length > 0) throw new Refusal("malformed");
  const algorithm = readAlgorithm(identifier, role);
  const content = readBitString(bits);
  // Other tools do not care for the lower s; a root is pinned, so its malleated twin is another root. Below a root the
  // hash says the curve (anchor-key.ts, maySignIssuing).
  const isOurs = isEcdsa(algorithm, "sha256") && role !== "root";
  if (isEcdsa(algorithm, "sha384") && role !== "root" && !isLowP384(content)) throw new Refusal("signature-malleated");
  const signature = isOurs ? readSignature(content) : content;
  return { ...readTbs(tbs, identifier!, role), der, tbs: tbs.bytes, algorithm, signature };
}

function readTbs(
  tbs: DerElement,
  outer: DerElement,
  role: Role,
): Omit<CertificateFields, "der" | "tbs" | "signature" | "algorithm"> {
  const [version, serial, algorithm, issuer, validity, subject, spki, extensions, ...rest] = readChildren(tbs);
  if (extensions === undefined || rest.length > 0) throw new Refusal("malformed");
  const [versionNumber] = readChildren(version, EXPLICIT_0);
  if (readUnsigned(versionNumber) !== VERSION_3) throw new Refusal("version");
  if (!equalBytes(algorithm!.bytes, outer.bytes)) throw new Refusal("signature-algorithm");
  return {
    serial: readSerial(serial),
    issuer: readName(issuer),
    subject: readName(subject),
    ...readValidity(validity),
    spki: role === "root" ? readAnchorSpki(spki) : readSpki(spki),
    extensions: readExtensions(extensions),
  };
}

function readAlgorithm(element: DerElement | undefined, role: Role): AnchorAlgorithm {
  const algorithm = anchorAlgorithmOf(element?.bytes ?? new Uint8Array());
  const isLeaf = role === "leaf";
  if (algorithm === undefined || (isLeaf && !isEcdsa(algorithm, "sha256"))) throw new Refusal("signature-algorithm");
  return algorithm;
}

function isEcdsa({ family, hash }: AnchorAlgorithm, wanted: AnchorAlgorithm["hash"]): boolean {
  return family === "ecdsa" && hash === wanted;
}

function readSerial(element: DerElement | undefined): bigint {
  const serial = readUnsigned(element);
  if (serial === 0n || element!.content.length > SERIAL_BYTES_MAX) throw new Refusal("serial");
  return serial;
}

function readName(element: DerElement | undefined): Uint8Array {
  if (readChildren(element).length === 0) throw new Refusal("name-empty");
  return element!.bytes;
}

function readSpki(element: DerElement | undefined): Uint8Array {
  if (element === undefined || !isP256Spki(element.bytes)) throw new Refusal("key-type");
  return element.bytes;
}

function readAnchorSpki(element: DerElement | undefined): Uint8Array {
  const isKey = element !== undefined && (isP256Spki(element.bytes) || anchorKeyOf(element.bytes) !== undefined);
  if (!isKey) throw new Refusal("key-type");
  return element.bytes;
}

function readValidity(element: DerElement | undefined): { notBefore: number; notAfter: number } {
  const [from, to, ...rest] = readChildren(element);
  if (rest.length > 0) throw new Refusal("malformed");
  const [notBefore, notAfter] = [readTime(from), readTime(to)];
  if (notBefore > notAfter) throw new Refusal("validity");
  return { notBefore, notAfter };
}

/** UTCTime until 2049, GeneralizedTime from 2050 on, both in seconds and in UTC (RFC 5280, 4.1.2.5). */
function readTime(element: DerElement | undefined): number {
  const isUtc = element?.tag === TAG.utcTime;
  const text = Buffer.from(contentOf(element, isUtc ? TAG.utcTime : TAG.generalizedTime)).toString("latin1");
  const match = /^(\d{2}|\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/.exec(text);
  if (match === null || (match[1]!.length === 2) !== isUtc) throw new Refusal("validity");
  const [year, month, day, hour, minute, second] = match.slice(1).map(Number) as [number, ...number[]];
  const fullYear = isUtc ? year + (year >= 50 ? 1900 : 2000) : year;
  if (!isUtc && fullYear < 2050) throw new Refusal("validity");
  const time = Date.UTC(fullYear, month! - 1, day, hour, minute, second);
  // Date.UTC carries over what is no date, such as 31 February.
  if (timeText(time, isUtc) !== text) throw new Refusal("validity");
  return time;
}

function timeText(time: number, isUtc: boolean): string {
  const text = `${new Date(time).toISOString().replace(/[-:T]/g, "").slice(0, 14)}Z`;
  return isUtc ? text.slice(2) : text;
}

function readExtensions(element: DerElement): ReadonlyMap<string, Extension> {
  const [list, ...rest] = readChildren(element, EXPLICIT_3);
  if (rest.length > 0) throw new Refusal("malformed");
  const extensions = new Map<string, Extension>();
  for (const item of readChildren(list)) {
    const [oid, extension] = readExtension(item);
    if (extensions.has(oid)) throw new Refusal("extension-duplicate");
    if (extension.critical && !PROCESSED.has(oid)) throw new Refusal("extension-critical-unknown");
    extensions.set(oid, extension);
  }
  return extensions;
}

function readExtension(element: DerElement): readonly [string, Extension] {
  const fields = readChildren(element);
  const critical = fields.length === 3;
  // DEFAULT FALSE is left out in DER, and TRUE is 0xff.
  if (critical && contentOf(fields[1], TAG.boolean)[0] !== 0xff) throw new Refusal("malformed");
  if (critical ? fields[1]!.content.length !== 1 : fields.length !== 2) throw new Refusal("malformed");
  const oid = Buffer.from(contentOf(fields[0], TAG.oid)).toString("hex");
  return [oid, { critical, value: contentOf(fields.at(-1), TAG.octetString) }];
}

/** r || s of an Ecdsa-Sig-Value with the lower s: the twin with n - s would be a second certificate with the same content. */
function readSignature(der: Uint8Array): Uint8Array {
  const [r, s, ...rest] = readChildren(readDer(der)).map(readUnsigned);
  if (r === undefined || s === undefined || rest.length > 0) throw new Refusal("malformed");
  if (r >= P256_ORDER || s > P256_ORDER / 2n) throw new Refusal("signature-malleated");
  return fromHex(scalarHex(r) + scalarHex(s))!;
}

/** The one of the two valid forms (r, s) and (r, n - s) that our certificates carry. Takes and returns r || s. */
export function withLowS(signature: Uint8Array): Uint8Array {
  const s = BigInt(`0x${Buffer.from(signature.subarray(32)).toString("hex")}`);
  if (s <= P256_ORDER / 2n) return signature;
  const low = new Uint8Array(signature);
  low.set(fromHex(scalarHex(P256_ORDER - s))!, 32);
  return low;
}

/** Whether an Ecdsa-Sig-Value of P-384 has the lower s: lists name certificates by a hash that covers the signature, too. */
function isLowP384(der: Uint8Array): boolean {
  const [, s] = readChildren(readDer(der)).map(readUnsigned);
  return s !== undefined && s <= P384_ORDER / 2n;
}

/** As `withLowS`, of an Ecdsa-Sig-Value of P-384. */
export function withLowP384(der: Uint8Array): Uint8Array {
  if (isLowP384(der)) return der;
  const [r, s] = readChildren(readDer(der));
  return writeDer(TAG.sequence, r!.bytes, writeUnsigned(P384_ORDER - readUnsigned(s)));
}

export function scalarHex(value: bigint): string {
  return value.toString(16).padStart(64, "0");
}
