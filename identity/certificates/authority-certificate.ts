/** What members check of the authority: its TLS certificate, and statements signed with its issuing key. */

import { attempt } from "../der.js";
import { sha256Hex } from "../keys/digest.js";
import { verify } from "../keys/signature.js";
import { readCertificate } from "./certificate-fields.js";
import { type NetworkConstants, sameNetwork } from "./extension.js";
import type { Validity } from "./issuer.js";
import { dateProblem, knownIssuing, serialToHex } from "./member-certificate.js";
import { readRoot, readServer } from "./profile.js";
import { hasNumberOf } from "./revocation-list.js";

/** SHA-256 of a root certificate's DER, 64 lower-case hex digits: what a token pins. */
export function fingerprintOf(root: Uint8Array): string {
  return sha256Hex(root);
}

export interface AuthorityChain {
  readonly leaf: Uint8Array;
  readonly issuer: Uint8Array;
  readonly root: Uint8Array;
}

/**
 * Why whoever presented this chain is not the authority whose root has `fingerprint`; undefined when it is.
 * `now` in unix milliseconds. Who knows its `network` takes nobody for it who has a key of another one only.
 */
export function authorityProblem(
  { leaf, issuer, root }: AuthorityChain,
  fingerprint: string,
  now: number,
  network?: NetworkConstants,
): string | undefined {
  if (fingerprintOf(root) !== fingerprint) return "other-root";
  const server = attempt(() => readServer(leaf, knownIssuing(issuer, root)));
  if (!server.ok) return server.reason;
  const served = network && networkOfIssuing(issuer, root);
  if (network && !(served && sameNetwork(served, network))) return "other-network";
  return dateProblem(server.value, now);
}

/** Why `der` is no root of ours at `now`. */
export function rootProblem(der: Uint8Array, now: number): string | undefined {
  const root = attempt(() => readRoot(der));
  return root.ok ? dateProblem(root.value, now) : root.reason;
}

/** SubjectPublicKeyInfo, DER, of a well-formed certificate; undefined when it is none. */
export function spkiOfCertificate(der: Uint8Array): Uint8Array | undefined {
  const certificate = attempt(() => readCertificate(der, "root"));
  return certificate.ok ? certificate.value.spki : undefined;
}

/** The serial number of a well-formed certificate, hexadecimal; undefined when it is none. */
export function serialOfCertificate(der: Uint8Array): string | undefined {
  const certificate = attempt(() => readCertificate(der, "root"));
  return certificate.ok ? serialToHex(certificate.value.serial) : undefined;
}

/** The dates of a well-formed certificate, unix milliseconds; undefined when it is none. */
export function validityOfCertificate(der: Uint8Array): Validity | undefined {
  const certificate = attempt(() => readCertificate(der, "root"));
  return certificate.ok ? { notBefore: certificate.value.notBefore, notAfter: certificate.value.notAfter } : undefined;
}

/** The constants of the network that an issuing certificate is for, when the root signed it; else undefined. */
export function networkOfIssuing(issuer: Uint8Array, root: Uint8Array): NetworkConstants | undefined {
  const issuing = attempt(() => knownIssuing(issuer, root));
  return issuing.ok ? issuing.value.network : undefined;
}

export interface RevocationOptions {
  /** The issuing certificate, DER. */
  readonly issuer: Uint8Array;
  /** The trusted root, DER. */
  readonly root: Uint8Array;
  /** Wall clock, unix milliseconds. */
  readonly now: number;
  /** The list must be of exactly this network: others of one root have keys, and numbers, of their own. */
  readonly network: NetworkConstants;
}

/**
 * Why `signature` is not that of the network's issuing key over a revocation list (rule R17), numbered as this issuing
 * certificate may; undefined when it is. It must chain to `root` and be valid at `now`; what the list says is read elsewhere.
 * Dates are judged last: "expired" and "not-yet-valid" then mean that nothing else is wrong, and that whoever hands the
 * list on may be honest.
 */
export function revocationProblem(
  body: Uint8Array,
  signature: Uint8Array,
  { issuer, root, now, network }: RevocationOptions,
): string | undefined {
  const issuing = attempt(() => knownIssuing(issuer, root));
  if (!issuing.ok) return issuing.reason;
  const { publicKey, notBefore } = issuing.value;
  if (!sameNetwork(issuing.value.network, network)) return "other-network";
  if (!hasNumberOf(body, notBefore)) return "number";
  if (!verify(publicKey, "revocation", network.networkId, body, signature)) return "signature";
  return dateProblem(issuing.value, now);
}
