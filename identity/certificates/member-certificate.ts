/** Checking a peer's certificate (rule R1): full path validation, our profile, the network, and the dates at `now`. */
import type { KeyObject } from "node:crypto";
import { compareBytes, equalBytes, type MemberId, memberIdFromBytes } from "../../rings/index.js";
import { attempt } from "../der.js";
import { sha256, sha256Hex } from "../keys/digest.js";
import { type NetworkConstants, sameNetwork } from "./extension.js";
import { type IssuingFields, readIssuing, readMember, readRoot } from "./profile.js";

/** How far apart the wall clocks of authority and members may be (protocol.md R18). */
export const CLOCK_TOLERANCE_MS = 5 * 60_000;
/** Checked chains kept: about 4 KB each; the largest network we aim at has 10,000 members. */
const CHAINS_MAX = 12_000;
/** Issuing certificates kept: one per network and rotation. */
const ISSUERS_MAX = 64;

/** A checked certificate of a member. Its dates were right when it was checked: see `dateProblem`. */
export interface MemberCertificate {
  readonly id: MemberId;
  /** The principal as whom the authority admitted it; undefined when the certificate says none. */
  readonly name: string | undefined;
  /** 32 bytes. */
  readonly networkId: Uint8Array;
  readonly ringCount: number;
  readonly deltaMs: number;
  /** DER. */
  readonly leaf: Uint8Array;
  /** DER of the issuing certificate. */
  readonly issuer: Uint8Array;
  /** SHA-256 of `leaf`: what a statement names. */
  readonly hash: Uint8Array;
  readonly publicKey: KeyObject;
  /** Unix milliseconds; the chain above is valid throughout. */
  readonly notBefore: number;
  readonly notAfter: number;
  readonly serial: bigint;
}

/** A certificate as it travels: leaf and issuing certificate, both DER. */
export interface CertificateChain {
  readonly leaf: Uint8Array;
  readonly issuer: Uint8Array;
}

export interface VerifyOptions {
  /** The trusted root, DER. */
  readonly root: Uint8Array;
  /** Wall clock, unix milliseconds. */
  readonly now: number;
  /** When given, the certificate must be for exactly this network. */
  readonly network?: NetworkConstants | undefined;
  readonly toleranceMs?: number | undefined;
}

export type Verdict =
  | { readonly ok: true; readonly certificate: MemberCertificate }
  | { readonly ok: false; readonly reason: string };

/**
 * Checks a member's certificate. Synchronous; a chain that passed before costs three hashes, a new leaf about 0.2 ms.
 * Refusals are data: `reason` is a stable short word such as "expired" or "extended-key-usage".
 */
export function verifyMemberCertificate(chain: CertificateChain, options: VerifyOptions): Verdict {
  const { root, now, network, toleranceMs = CLOCK_TOLERANCE_MS } = options;
  const verdict = readChain(chain, root);
  if (!verdict.ok) return verdict;
  const { certificate } = verdict;
  const reason = dateProblem(certificate, now, toleranceMs);
  if (reason !== undefined) return { ok: false, reason };
  if (network !== undefined && !sameNetwork(certificate, network)) return { ok: false, reason: "other-network" };
  return verdict;
}

/** A clock by which dates are judged, and which may be shown to be behind (protocol.md R18). */
export interface DateClock {
  /** Unix milliseconds. */
  readonly now: () => number;
  /** The authority has signed something that begins at `begin`, unix milliseconds: it is not earlier. */
  readonly proves?: ((begin: number) => void) | undefined;
}

/**
 * As `verifyMemberCertificate`, for a certificate of exactly this network. One that is good up to its beginning is shown
 * to the clock first: a machine that has slept for hours is behind, and this is how it learns that.
 */
export function verifyAgainst(
  chain: CertificateChain,
  { root, network, now, proves }: Pick<VerifyOptions, "root"> & { readonly network: NetworkConstants } & DateClock,
): Verdict {
  const verdict = verifyMemberCertificate(chain, { root, network, now: now() });
  if (verdict.ok || verdict.reason !== "not-yet-valid" || proves === undefined) return verdict;
  const read = readChain(chain, root);
  if (!read.ok || !sameNetwork(read.certificate, network)) return verdict;
  proves(read.certificate.notBefore);
  return verifyMemberCertificate(chain, { root, network, now: now() });
}

/** Why `certificate` is not valid at `now`: to be asked at every call of a long connection. */
export function dateProblem(
  { notBefore, notAfter }: Pick<MemberCertificate, "notBefore" | "notAfter">,
  now: number,
  toleranceMs: number = CLOCK_TOLERANCE_MS,
): "not-yet-valid" | "expired" | undefined {
  if (now < notBefore - toleranceMs) return "not-yet-valid";
  if (now > notAfter + toleranceMs) return "expired";
  return undefined;
}

/** Orders certificates of one id by age: the greatest is the current one (rule R1: notBefore, then serial, then hash). */
export function compareCertificates(a: MemberCertificate, b: MemberCertificate): number {
  if (a.notBefore !== b.notBefore) return a.notBefore - b.notBefore;
  if (a.serial !== b.serial) return a.serial < b.serial ? -1 : 1;
  return compareBytes(a.hash, b.hash);
}

/** A serial number as the authority writes it: hexadecimal, 32 digits at least. */
export function serialToHex(serial: bigint): string {
  return serial.toString(16).padStart(32, "0");
}

// What was found by content is remembered: it depends on nothing but the bytes of leaf, issuer and root. Only what
// passed is kept, so that nobody outside can fill these maps.
const chains = new Map<string, Verdict>();
const issuers = new Map<string, IssuingFields>();

/** All checks but the dates. */
export function readChain({ leaf, issuer }: CertificateChain, root: Uint8Array): Verdict {
  const key = sha256Hex(leaf) + sha256Hex(issuer) + sha256Hex(root);
  const known = chains.get(key);
  if (known !== undefined) return known;
  const reading = attempt(() => parseMember(leaf, issuer, root));
  return reading.ok ? remember(chains, key, { ok: true, certificate: reading.value }, CHAINS_MAX) : reading;
}

function parseMember(leaf: Uint8Array, issuer: Uint8Array, root: Uint8Array): MemberCertificate {
  const issuing = knownIssuing(issuer, root);
  // A copy: `leaf` may be a window on a large receive buffer.
  const fields = readMember(new Uint8Array(leaf), issuing);
  const { networkId, ringCount, deltaMs } = fields.network;
  const { der, publicKey, notBefore, notAfter, serial } = fields;
  const [id, name] = [memberIdFromBytes(fields.id), fields.name];
  const bytes = { networkId, leaf: der, issuer: issuing.der, hash: sha256(der) };
  return Object.freeze({ id, name, ...bytes, ringCount, deltaMs, publicKey, notBefore, notAfter, serial });
}

/** Throws `Refusal`. */
export function knownIssuing(issuer: Uint8Array, root: Uint8Array): IssuingFields {
  const key = sha256Hex(issuer) + sha256Hex(root);
  const known = issuers.get(key);
  if (known !== undefined) return known;
  const fields = readIssuing(new Uint8Array(issuer), readRoot(new Uint8Array(root)));
  return remember(issuers, key, fields, ISSUERS_MAX);
}

/** First in, first out: an evicted chain only costs its check again. */
function remember<V>(map: Map<string, V>, key: string, value: V, max: number): V {
  if (map.size >= max) map.delete(map.keys().next().value as string);
  map.set(key, value);
  return value;
}

/** Whether the certificate's key is the one of this SubjectPublicKeyInfo. */
export function hasKey(certificate: MemberCertificate, spki: Uint8Array): boolean {
  return equalBytes(new Uint8Array(certificate.publicKey.export({ type: "spki", format: "der" })), spki);
}
