/**
 * What each certificate of a network must look like: root -> issuing -> member, or -> the authority's own TLS server.
 * A profile of RFC 5280 with less freedom. All functions throw `Refusal`; dates are checked elsewhere, each time anew.
 */
import type { KeyObject } from "node:crypto";
import { equalBytes, fromHex, MEMBER_ID_BYTES } from "../../rings/index.js";
import { contentOf, oidHex, Refusal, readChildren, readCount, readDer, TAG, writeDer } from "../der.js";
import { type AnchorKind, anchorKeyOf, mayBeSelfSigned, maySignIssuing, verifyAsAnchor } from "../keys/anchor-key.js";
import { publicKeyFromSpki } from "../keys/keys.js";
import { verifyRaw } from "../keys/raw-signature.js";
import { AUTHORITY_NAME } from "../principal.js";
import { type CertificateFields, EXTENSION, readCertificate } from "./certificate-fields.js";
import { decodeNetwork, type NetworkConstants, nameIn, sameNetwork } from "./extension.js";

const SERVER_AUTH = oidHex("1.3.6.1.5.5.7.3.1");
const CLIENT_AUTH = oidHex("1.3.6.1.5.5.7.3.2");
const COMMON_NAME = "550403";
/** BasicConstraints with cA FALSE, which DER leaves out. */
const NOT_A_CA = fromHex("3000")!;
/** KeyUsage digitalSignature and nothing else. */
const DIGITAL_SIGNATURE = fromHex("03020780")!;
const KEY_CERT_SIGN_BIT = 0x04;
const DNS_NAME = 0x82;
const KEY_ID = 0x80;

export interface AuthorityFields extends CertificateFields {
  readonly publicKey: KeyObject;
  readonly kind: AnchorKind;
}

export interface IssuingFields extends AuthorityFields {
  /** Every certificate below it is for this network. */
  readonly network: NetworkConstants;
}

export interface MemberFields extends CertificateFields {
  readonly id: Uint8Array;
  /** Undefined when the certificate says none. */
  readonly name: string | undefined;
  readonly publicKey: KeyObject;
  readonly network: NetworkConstants;
}

/** A trust anchor: self-signed, and allowed to have one authority below it. */
export function readRoot(der: Uint8Array): AuthorityFields {
  const fields = readCertificate(der, "root");
  const key = anchorKeyOf(fields.spki);
  if (key === undefined) throw new Refusal("key-type");
  const root = { ...fields, ...key };
  requireAuthority(root, 1);
  requireSelfSigned(root);
  return root;
}

/** The issuing certificate of one network, signed by the root. */
export function readIssuing(der: Uint8Array, root: AuthorityFields): IssuingFields {
  const issuing = { ...withKey(readCertificate(der, "issuing")), kind: "p256" } as const;
  requireAuthority(issuing, 0);
  requireKeyUsage(issuing);
  requireSignedBy(issuing, root);
  return { ...issuing, network: decodeNetwork(extensionOf(issuing, "network")).network };
}

/** A member: its id is SubjectKeyIdentifier and common name, its network that of the issuing certificate. */
export function readMember(der: Uint8Array, issuing: IssuingFields): MemberFields {
  const leaf = readCertificate(der, "leaf");
  requireLeaf(leaf, [CLIENT_AUTH, SERVER_AUTH]);
  const id = keyIdentifierOf(leaf);
  if (id.length !== MEMBER_ID_BYTES) throw new Refusal("member-id-length");
  if (commonNameOf(leaf) !== Buffer.from(id).toString("hex")) throw new Refusal("member-id-name");
  const { network, facts } = decodeNetwork(extensionOf(leaf, "network"));
  if (!sameNetwork(network, issuing.network)) throw new Refusal("other-network");
  requireSignedBy(leaf, issuing);
  return { ...withKey(leaf), id, name: nameIn(facts), network };
}

/** The authority's TLS certificate. A member can never pass for it: its extension, usage and name differ. */
export function readServer(der: Uint8Array, issuing: IssuingFields): CertificateFields {
  const leaf = readCertificate(der, "leaf");
  requireLeaf(leaf, [SERVER_AUTH]);
  if (leaf.extensions.has(EXTENSION.network)) throw new Refusal("member-as-authority");
  const expected = writeDer(TAG.sequence, writeDer(DNS_NAME, new TextEncoder().encode(AUTHORITY_NAME)));
  if (!equalBytes(extensionOf(leaf, "subjectAltName"), expected)) throw new Refusal("server-name");
  requireSignedBy(leaf, issuing);
  return leaf;
}

function requireAuthority(certificate: CertificateFields, below: number): void {
  requireCritical(certificate, "basicConstraints");
  const [isAuthority, pathLength, ...rest] = readChildren(readDer(extensionOf(certificate, "basicConstraints")));
  if (rest.length > 0 || !isTrue(isAuthority)) throw new Refusal("not-an-authority");
  if (pathLength !== undefined && readCount(pathLength) < below) throw new Refusal("path-length");
  // Roots of other tools may leave it out: then the key may do everything (RFC 5280, 4.2.1.3).
  if (!certificate.extensions.has(EXTENSION.keyUsage)) return;
  const usage = contentOf(readDer(extensionOf(certificate, "keyUsage")), TAG.bitString);
  if (((usage[1] ?? 0) & KEY_CERT_SIGN_BIT) === 0) throw new Refusal("key-usage");
}

function requireKeyUsage(certificate: CertificateFields): void {
  requireCritical(certificate, "keyUsage");
}

function isTrue(element: { readonly tag: number; readonly content: Uint8Array } | undefined): boolean {
  return element?.tag === TAG.boolean && element.content.length === 1 && element.content[0] === 0xff;
}

function requireLeaf(leaf: CertificateFields, usages: readonly string[]): void {
  requireCritical(leaf, "basicConstraints");
  requireCritical(leaf, "keyUsage");
  if (!equalBytes(extensionOf(leaf, "basicConstraints"), NOT_A_CA)) throw new Refusal("leaf-as-authority");
  if (!equalBytes(extensionOf(leaf, "keyUsage"), DIGITAL_SIGNATURE)) throw new Refusal("key-usage");
  const found = readChildren(readDer(extensionOf(leaf, "extendedKeyUsage"))).map((item) =>
    Buffer.from(contentOf(item, TAG.oid)).toString("hex"),
  );
  const complete = found.length === usages.length && usages.every((usage) => found.includes(usage));
  if (!complete) throw new Refusal("extended-key-usage");
}

/** A trust anchor is pinned, so this only says that it is whole; its own authority key identifier may be left out. */
function requireSelfSigned(root: AuthorityFields): void {
  if (!equalBytes(root.issuer, root.subject)) throw new Refusal("other-issuer");
  const keyId = keyIdentifierOf(root);
  if (root.extensions.has(EXTENSION.authorityKeyIdentifier)) {
    const [first] = readChildren(readDer(extensionOf(root, "authorityKeyIdentifier")));
    if (first === undefined || !equalBytes(contentOf(first, KEY_ID), keyId)) throw new Refusal("authority-key");
  }
  if (!mayBeSelfSigned(root.kind, root.algorithm)) throw new Refusal("signature-algorithm");
  const valid = verifyAsAnchor(root.algorithm, root.publicKey, root.tbs, root.signature);
  if (!valid) throw new Refusal("signature");
}

function requireSignature(
  { tbs, algorithm, signature }: CertificateFields,
  { publicKey, kind }: AuthorityFields,
): void {
  if (!maySignIssuing(kind, algorithm)) throw new Refusal("signature-algorithm");
  const valid =
    kind === "p256" ? verifyRaw(publicKey, tbs, signature) : verifyAsAnchor(algorithm, publicKey, tbs, signature);
  if (!valid) throw new Refusal("signature");
}

/** Issuer name, authority key identifier, validity within that of the parent, and signature. */
function requireSignedBy(child: CertificateFields, parent: AuthorityFields): void {
  if (!equalBytes(child.issuer, parent.subject)) throw new Refusal("other-issuer");
  const authority = readChildren(readDer(extensionOf(child, "authorityKeyIdentifier")));
  if (authority.length !== 1) throw new Refusal("authority-key");
  if (!equalBytes(contentOf(authority[0], KEY_ID), keyIdentifierOf(parent))) throw new Refusal("authority-key");
  const within = child.notBefore >= parent.notBefore && child.notAfter <= parent.notAfter;
  if (!within) throw new Refusal("validity-beyond-issuer");
  requireSignature(child, parent);
}

/** Parsing a key costs as much as a signature check does: once per certificate. */
function withKey<T extends CertificateFields>(certificate: T): T & { readonly publicKey: KeyObject } {
  const publicKey = publicKeyFromSpki(certificate.spki);
  if (publicKey === undefined) throw new Refusal("key-type");
  return { ...certificate, publicKey };
}

function requireCritical(certificate: CertificateFields, name: keyof typeof EXTENSION): void {
  extensionOf(certificate, name);
  if (!certificate.extensions.get(EXTENSION[name])!.critical) throw new Refusal(`${kebab(name)}-not-critical`);
}

function extensionOf(certificate: CertificateFields, name: keyof typeof EXTENSION): Uint8Array {
  const extension = certificate.extensions.get(EXTENSION[name]);
  if (extension === undefined) throw new Refusal(`${kebab(name)}-missing`);
  return extension.value;
}

function kebab(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

/** SubjectKeyIdentifier. */
export function keyIdentifierOf(certificate: CertificateFields): Uint8Array {
  return contentOf(readDer(extensionOf(certificate, "subjectKeyIdentifier")), TAG.octetString);
}

/** The text of a subject that consists of one common name. */
function commonNameOf(certificate: CertificateFields): string {
  const [set, ...others] = readChildren(readDer(certificate.subject));
  const [attribute, ...more] = readChildren(set, TAG.set);
  if (others.length > 0 || more.length > 0) throw new Refusal("name");
  const [type, value, ...rest] = readChildren(attribute);
  const isName = Buffer.from(contentOf(type, TAG.oid)).toString("hex") === COMMON_NAME;
  if (!isName || value === undefined || rest.length > 0) throw new Refusal("name");
  return Buffer.from(value.content).toString("latin1");
}
