/** What the protocol needs to know of a member's certificate, after someone with keys has checked it (rule R1). */

import { ByteReader, ByteWriter, type MemberId } from "../../rings/index.js";
import { CERTIFICATE_BYTES_MAX } from "../limits.js";

/** A certificate as it travels: the member's own and the one of the authority that issued it, both DER. */
export interface CertificateChain {
  readonly leaf: Uint8Array;
  readonly issuer: Uint8Array;
}

/** Facts read from a checked certificate. `hash` is the SHA-256 of the leaf as 64 hex digits. Times are unix ms. */
export interface CertificateFacts extends CertificateChain {
  readonly id: MemberId;
  readonly hash: string;
  readonly notBefore: number;
  readonly notAfter: number;
  readonly serial: bigint;
}

export function encodeChain(chain: CertificateChain): Uint8Array {
  return new ByteWriter().sized16(chain.leaf).sized16(chain.issuer).finish();
}

export function parseChain(bytes: Uint8Array): CertificateChain | undefined {
  const reader = new ByteReader(bytes);
  const leaf = reader.sized16(CERTIFICATE_BYTES_MAX);
  const issuer = reader.sized16(CERTIFICATE_BYTES_MAX);
  return reader.complete && leaf.length > 0 && issuer.length > 0 ? { leaf, issuer } : undefined;
}

/** Positive when `a` is newer than `b`: by notBefore, then serial (rule R1), then hash so that the order is total. */
export function compareCertificates(a: CertificateFacts, b: CertificateFacts): number {
  if (a.notBefore !== b.notBefore) return a.notBefore - b.notBefore;
  if (a.serial !== b.serial) return a.serial > b.serial ? 1 : -1;
  return a.hash === b.hash ? 0 : a.hash > b.hash ? 1 : -1;
}
