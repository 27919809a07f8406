/** Making tokens and looking them up: only the hash of a secret is kept. */
import { decodeToken, encodeToken, randomSecret, sha256, TOKEN_SECRET_BYTES } from "../../identity/index.js";
import { invalid } from "../options.js";
import type { NetworkStore } from "../store/store.js";

export interface NewToken {
  readonly urls: readonly string[];
  /** Of the root, 64 hex digits. */
  readonly fingerprint: string;
  readonly principal: string;
  /** Unix milliseconds. */
  readonly expiresAt: number;
  readonly now: number;
}

/** The text of a new token, recorded before it is returned. Rejects with "ca-options-invalid" when no member would take it. */
export async function issueToken(
  records: NetworkStore,
  { urls, fingerprint, principal, expiresAt, now }: NewToken,
): Promise<string> {
  const secret = randomSecret(TOKEN_SECRET_BYTES);
  const token = encodeToken({ urls, fingerprint, secret });
  if (decodeToken(token) === undefined) {
    const given = urls.map((url) => `"${url}"`).join(", ");
    throw invalid(`Members take at most 8 addresses of an authority, each as https://HOST:PORT, not ${given}.`);
  }
  const note = { kind: "token-created", at: now, fields: { principal, expiresAt } };
  await records.createToken({ hash: tokenHash(secret), principal, expiresAt, serial: undefined }, note);
  return token;
}

/** 256 random bits need no slow hash; the look-up by hash takes no secret-dependent time. */
export function tokenHash(secret: Uint8Array): Uint8Array {
  return sha256(secret);
}
