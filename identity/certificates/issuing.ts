/** Building certificates from fixed templates: root, issuing, member, the authority's server. Nothing is copied from a request but its key. */
import { randomBytes } from "node:crypto";
import type { Extension, Name } from "@peculiar/x509";
import { type MemberId, toHex } from "../../rings/index.js";
import { type DerElement, readChildren, readDer, TAG, writeDer } from "../der.js";
import { type AnchorKind, anchorKeyOf, identifierOf } from "../keys/anchor-key.js";
import { sha256, sha256Hex } from "../keys/digest.js";
import { AUTHORITY_NAME } from "../principal.js";
import { type CertificateFields, EXPLICIT_3, readCertificate, withLowP384, withLowS } from "./certificate-fields.js";
import { encodeNetwork, factsOf, type NetworkConstants, networkExtension } from "./extension.js";
import type { Issuer, Signer, Validity } from "./issuer.js";
import { assembled, type MemberTemplate, memberTemplate } from "./member-template.js";
import { keyIdentifierOf } from "./profile.js";
import { loadX509, type X509, x509Crypto } from "./x509.js";

/** Of a TBSCertificate, after version and serial number. */
const ALGORITHM_FIELD = 2;
const BASIC_CONSTRAINTS_CRITICAL = true;
const AUTHORITY_KEY_IDENTIFIER_BYTES = 20;
const CLIENT_AUTH = "1.3.6.1.5.5.7.3.2";
const SERVER_AUTH = "1.3.6.1.5.5.7.3.1";
const OCSP_SIGNING = "1.3.6.1.5.5.7.3.9";
/** id-pkix-ocsp-nocheck, whose value is NULL. */
const OCSP_NO_CHECK = "1.3.6.1.5.5.7.48.1.5";
const DER_NULL = Uint8Array.of(0x05, 0x00);
/** Shown to people only. */
const RESPONDER_NAME = "fireflies ocsp";

/** A self-signed root: it may have one authority below it. `name` is shown to people only. */
export function createRoot(input: {
  readonly name: string;
  readonly spki: Uint8Array;
  readonly sign: Signer;
  readonly validity: Validity;
  readonly serial?: string;
}): Promise<Uint8Array> {
  const keyId = authorityKeyId(input.spki);
  const extensions = authorityExtensions(input.spki, keyId, 1);
  return build({ ...input, subject: input.name, issuer: input.name, extensions });
}

/** The certificate of the key that signs the members of one network; it may have no authority below it. */
export function createIssuing(input: {
  readonly name: string;
  readonly spki: Uint8Array;
  readonly network: NetworkConstants;
  readonly root: Issuer;
  readonly validity: Validity;
  readonly serial?: string;
}): Promise<Uint8Array> {
  const parent = readCertificate(input.root.certificate, "root");
  const extensions = authorityExtensions(input.spki, keyIdentifierOf(parent), 0);
  const template = { ...input, ...from(parent, input), subject: input.name, extensions, sign: input.root.sign };
  return build(template, anchorKeyOf(parent.spki)?.kind);
}

/**
 * A member's certificate: the id is subject and SubjectKeyIdentifier; for TLS on both sides and for signatures. `name` is
 * the principal's, for all members to see.
 */
export async function issueMember(input: {
  readonly id: MemberId;
  readonly name?: string;
  readonly spki: Uint8Array;
  readonly network: NetworkConstants;
  readonly issuer: Issuer;
  readonly validity: Validity;
  readonly serial?: string;
}): Promise<Uint8Array> {
  return issueFrom(await patternOf(input), input);
}

/** What the certificates of one issuer and network have in common. */
interface Pattern {
  readonly parent: CertificateFields;
  readonly template: MemberTemplate;
  /** DER of the signature's algorithm. */
  readonly algorithm: Uint8Array;
}

/** Issuing certificates that are in use at one time: a few networks, each in the middle of a rotation. */
const PATTERNS_MAX = 64;
const patterns = new Map<string, Promise<Pattern>>();

function patternOf(input: Parameters<typeof issueMember>[0]): Promise<Pattern> {
  const key = sha256Hex(input.issuer.certificate) + toHex(encodeNetwork(input.network));
  const known = patterns.get(key);
  if (known !== undefined) return known;
  if (patterns.size >= PATTERNS_MAX) patterns.delete(patterns.keys().next().value as string);
  const pattern = layOutMember(input);
  patterns.set(key, pattern);
  pattern.catch(() => patterns.delete(key));
  return pattern;
}

async function layOutMember(input: Parameters<typeof issueMember>[0]): Promise<Pattern> {
  const parent = readCertificate(input.issuer.certificate);
  const extensions = leafExtensions(parent, input.id, [CLIENT_AUTH, SERVER_AUTH]);
  const sign = () => new Uint8Array(64);
  const laidOut = { ...input, ...from(parent, input), subject: input.id, extensions, sign };
  const { tbs, algorithm } = await unsigned(laidOut);
  return { parent, template: memberTemplate(tbs), algorithm };
}

async function issueFrom(
  { parent, template, algorithm }: Pattern,
  input: Parameters<typeof issueMember>[0],
): Promise<Uint8Array> {
  const { validity } = from(parent, input);
  const { id, spki, serial = newSerial(validity.notBefore) } = input;
  const own = networkExtension(input.network, factsOf(input.name));
  const tbs = template.fill({ id, spki, serial, validity, own });
  return assembled(tbs, algorithm, withLowS(await input.issuer.sign(tbs)));
}

/** The authority's TLS certificate: a direct child of the issuing certificate, without the extension of members. */
export function issueServer(input: {
  readonly spki: Uint8Array;
  readonly issuer: Issuer;
  readonly validity: Validity;
  readonly serial?: string;
}): Promise<Uint8Array> {
  const parent = readCertificate(input.issuer.certificate);
  const common = leafExtensions(parent, toHex(authorityKeyId(input.spki)), [SERVER_AUTH]);
  const extensions = (x509: X509) => [
    ...common(x509),
    new x509.SubjectAlternativeNameExtension([{ type: "dns", value: AUTHORITY_NAME }]),
  ];
  return build({ ...input, ...from(parent, input), subject: AUTHORITY_NAME, extensions, sign: input.issuer.sign });
}

/** Of a delegated OCSP responder (RFC 6960, 4.2.2.2): short-lived, so nobody need ask whether it is revoked. */
export function issueStatusResponder(input: {
  readonly spki: Uint8Array;
  readonly issuer: Issuer;
  readonly validity: Validity;
  readonly serial?: string;
}): Promise<Uint8Array> {
  const parent = readCertificate(input.issuer.certificate);
  const common = leafExtensions(parent, toHex(authorityKeyId(input.spki)), [OCSP_SIGNING]);
  const extensions = (x509: X509) => [...common(x509), new x509.Extension(OCSP_NO_CHECK, false, DER_NULL)];
  return build({ ...input, ...from(parent, input), subject: RESPONDER_NAME, extensions, sign: input.issuer.sign });
}

/** A serial number that rises with `now` (the newest certificate is the current one, R1) and cannot be guessed: 16 bytes, hexadecimal. */
export function newSerial(now: number): string {
  const time = Buffer.alloc(6);
  time.writeUIntBE(now, 0, 6);
  return `01${toHex(time)}${toHex(randomBytes(9))}`;
}

/** A child never outlives its parent: a valid leaf then means a valid chain. */
function from(parent: CertificateFields, { validity }: { readonly validity: Validity }) {
  const notBefore = Math.max(validity.notBefore, parent.notBefore);
  const notAfter = Math.min(validity.notAfter, parent.notAfter);
  return { issuer: parent.subject, validity: { notBefore, notAfter } };
}

/** Made when the library is there. */
type Extensions = (x509: X509) => Extension[];

function authorityExtensions(spki: Uint8Array, parentKeyId: Uint8Array, pathLength: number): Extensions {
  return (x509) => {
    const { keyCertSign, cRLSign, digitalSignature } = x509.KeyUsageFlags;
    return [
      new x509.BasicConstraintsExtension(true, pathLength, BASIC_CONSTRAINTS_CRITICAL),
      new x509.KeyUsagesExtension(keyCertSign | cRLSign | digitalSignature, true),
      new x509.SubjectKeyIdentifierExtension(toHex(authorityKeyId(spki))),
      new x509.AuthorityKeyIdentifierExtension(toHex(parentKeyId)),
    ];
  };
}

function leafExtensions(parent: CertificateFields, keyId: string, usages: string[]): Extensions {
  return (x509) => [
    new x509.BasicConstraintsExtension(false, undefined, BASIC_CONSTRAINTS_CRITICAL),
    new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
    new x509.ExtendedKeyUsageExtension(usages),
    new x509.SubjectKeyIdentifierExtension(keyId),
    new x509.AuthorityKeyIdentifierExtension(toHex(keyIdentifierOf(parent))),
  ];
}

function authorityKeyId(spki: Uint8Array): Uint8Array {
  return sha256(spki).subarray(0, AUTHORITY_KEY_IDENTIFIER_BYTES);
}

interface Template {
  readonly subject: string;
  /** A common name, or the issuer's name in DER. */
  readonly issuer: string | Uint8Array;
  readonly spki: Uint8Array;
  readonly validity: Validity;
  readonly serial?: string;
  readonly extensions: Extensions;
  readonly network?: NetworkConstants;
  readonly sign: Signer;
}

/**
 * The library lays out the certificate around an empty signature; we sign the laid-out bytes. So the key may live
 * elsewhere, and the signature has the lower s.
 */
async function build(template: Template, kind: AnchorKind = "p256"): Promise<Uint8Array> {
  const { tbs, algorithm } = await unsigned(template);
  if (kind === "p256") return assembled(tbs, algorithm, withLowS(await template.sign(tbs)));
  const identifier = identifierOf(kind);
  const renamed = withAlgorithm(tbs, identifier);
  const signature = await template.sign(renamed);
  const only = kind === "p384" ? withLowP384(signature) : signature;
  const bits = writeDer(TAG.bitString, Uint8Array.of(0), only);
  return writeDer(TAG.sequence, renamed, identifier, bits);
}

/** Of an imported root: the library lays certificates out for P-256. */
function withAlgorithm(tbs: Uint8Array, identifier: Uint8Array): Uint8Array {
  const fields = readChildren(readDer(tbs)).map(({ bytes }) => bytes);
  return writeDer(TAG.sequence, ...fields.with(ALGORITHM_FIELD, identifier));
}

async function unsigned(template: Template): Promise<{ readonly tbs: Uint8Array; readonly algorithm: Uint8Array }> {
  const [laidOut, algorithm] = readChildren(readDer(new Uint8Array(await layOut(template))));
  const tbs = template.network === undefined ? laidOut!.bytes : withNetwork(laidOut!, template.network);
  return { tbs, algorithm: algorithm!.bytes };
}

/** Appends our extension. The library cannot: it loses the last arc of an OID that is as long as a UUID. */
function withNetwork(tbs: DerElement, network: NetworkConstants): Uint8Array {
  const fields = readChildren(tbs);
  const [list] = readChildren(fields.at(-1), EXPLICIT_3);
  const extensions = writeDer(EXPLICIT_3, writeDer(TAG.sequence, list!.content, networkExtension(network)));
  return writeDer(TAG.sequence, ...fields.slice(0, -1).map((field) => field.bytes), extensions);
}

async function layOut({ subject, issuer, spki, validity, serial, extensions }: Template): Promise<ArrayBuffer> {
  const x509 = await loadX509();
  const certificate = await x509.X509CertificateGenerator.create(
    {
      subject: nameOf(x509, subject),
      issuer: nameOf(x509, issuer),
      publicKey: new Uint8Array(spki),
      serialNumber: serial ?? newSerial(validity.notBefore),
      notBefore: new Date(floorToSecond(validity.notBefore)),
      notAfter: new Date(floorToSecond(validity.notAfter)),
      extensions: extensions(x509),
      signature: new Uint8Array(64),
      signingAlgorithm: { name: "ECDSA", hash: "SHA-256" },
    },
    x509Crypto,
  );
  return certificate.rawData;
}

/** A name of one common name, as the library's structure so that no character of it is syntax. */
function nameOf({ Name }: X509, name: string | Uint8Array): Name {
  return name instanceof Uint8Array ? new Name(new Uint8Array(name)) : new Name([{ CN: [{ utf8String: name }] }]);
}

function floorToSecond(ms: number): number {
  return Math.floor(ms / 1_000) * 1_000;
}
