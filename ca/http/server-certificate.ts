/** The server's own TLS certificate: a new key at each start, renewed long before its end while the server runs. */
import { CLOCK_TOLERANCE_MS, certificatesToPem, privateKeyToPem } from "../../identity/index.js";
import { equalBytes } from "../../rings/index.js";
import type { CertificateAuthority } from "../authority.js";

/** Nothing is pinned to it but the chain, so it may be short. */
const LIFETIME_MS = 7 * 86_400_000;
const RENEW_BEFORE_MS = LIFETIME_MS / 3;

export interface ServerCredentials {
  /** PEM. */
  readonly key: string;
  /** PEM: server, issuing, root; members compare the root with their fingerprint. */
  readonly cert: string;
  /** Unix milliseconds. */
  readonly issuedAt: number;
  /** The issuing certificate, DER. */
  readonly issuer: Uint8Array;
}

export async function createServerCredentials(authority: CertificateAuthority): Promise<ServerCredentials> {
  const issuedAt = authority.now();
  const { pair, leaf, issuer } = await authority.createServerCertificate(LIFETIME_MS);
  return {
    key: privateKeyToPem(pair.privateKey),
    cert: certificatesToPem(leaf, issuer, authority.root),
    issuedAt,
    issuer,
  };
}

/**
 * Whether it should be replaced: because its end is near, because the clock was put back behind its beginning, or because
 * another intermediate signs by now.
 */
export function isDue({ issuedAt, issuer }: ServerCredentials, now: number, active: Uint8Array): boolean {
  if (!equalBytes(issuer, active)) return true;
  return now < issuedAt - CLOCK_TOLERANCE_MS || now > issuedAt + LIFETIME_MS - RENEW_BEFORE_MS;
}
