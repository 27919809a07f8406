/**
 * What a simulation needs of cryptography, as a port: digests, certificates, signatures and their checks. By default a
 * fake that is a thousand times faster; the command line and tests bring real P-256 certificates through the same port.
 */
import {
  type CertificateFacts,
  type Check,
  CLOCK_TOLERANCE_MS,
  type RevocationList,
  type SignedRevocationList,
  type SignedType,
  type Verdict,
} from "../../gossip/index.js";
import type { Sha256 } from "../../rings/index.js";

/** A member's certificate and the key that belongs to it. */
export interface Credentials {
  readonly certificate: CertificateFacts;
  /** Signature over a body, domain-separated by type: 64 bytes. */
  sign(type: SignedType, body: Uint8Array): Uint8Array;
}

/** Unix milliseconds between which a certificate is valid. */
export interface Dates {
  readonly notBefore: number;
  readonly notAfter: number;
}

/** Why a certificate is not valid by a clock: as members in production judge it (identity/certificates/member-certificate.ts). */
export function dateProblem({ notBefore, notAfter }: Dates, wall: number): "not-yet-valid" | "expired" | undefined {
  if (wall < notBefore - CLOCK_TOLERANCE_MS) return "not-yet-valid";
  return wall > notAfter + CLOCK_TOLERANCE_MS ? "expired" : undefined;
}

export interface SimCrypto {
  readonly sha256: Sha256;
  /** A certificate for the member of this name. Asked again for a name: a new certificate for the same id (a renewal). */
  issue(name: string, dates: Dates): Credentials;
  /** Goes over to another issuing certificate: what is issued and listed from now on is by it. Returns the former one, DER. */
  rotate(): Uint8Array;
  /** The authority's signature over a revocation list. */
  signRevocations(list: RevocationList): SignedRevocationList;
  /**
   * One check of a machine, at this wall clock (unix milliseconds), on which nothing but the dates depends. Whoever signed
   * must hold a certificate that is valid then. Members share what remains of the answer.
   */
  check(check: Check, wall: number): Verdict;
}
