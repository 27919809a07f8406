/** Making tokens and looking them up: only the hash of a secret is kept. */
import {
  decodeToken,
  encodeToken,
  FirefliesError,
  isNamePattern,
  randomSecret,
  reservedPattern,
  sha256,
  TOKEN_SECRET_BYTES,
} from "../../identity/index.js";
import { invalid } from "../options.js";
import type { NetworkStore } from "../store/store.js";

/** Members that one token may admit: more of them want identities of their own (docs/enrolment.md). */
const TOKEN_USES_MAX = 100_000;

export interface TokenOptions {
  /** How many members it admits, 1 to 100,000 (1). */
  readonly uses?: number | undefined;
  /** Milliseconds (24 hours). */
  readonly lifetimeMs?: number | undefined;
  /** Where members reach the authority, "https://HOST:PORT". */
  readonly urls?: readonly string[] | undefined;
}

export interface NewToken {
  readonly urls: readonly string[];
  /** Of the root, 64 hex digits. */
  readonly fingerprint: string;
  /** A name, or a pattern of names. */
  readonly principal: string;
  /** How many members it admits. */
  readonly uses: number;
  /** Unix milliseconds. */
  readonly expiresAt: number;
  readonly now: number;
}

/** The text of a new token, recorded before it is returned. Rejects with "ca-options-invalid" when no member would take it. */
export async function issueToken(
  records: NetworkStore,
  { urls, fingerprint, principal, uses, expiresAt, now }: NewToken,
): Promise<string> {
  const secret = randomSecret(TOKEN_SECRET_BYTES);
  const token = encodeToken({ urls, fingerprint, secret });
  if (decodeToken(token) === undefined) {
    const given = urls.map((url) => `"${url}"`).join(", ");
    throw invalid(`Members take at most 8 addresses of an authority, each as https://HOST:PORT, not ${given}.`);
  }
  const note = { kind: "token-created", at: now, fields: { principal, uses, expiresAt } };
  await records.createToken({ hash: tokenHash(secret), principal, expiresAt, uses }, note);
  return token;
}

/** Throws "ca-options-invalid". */
export function requireUses(uses: number): void {
  if (Number.isInteger(uses) && uses >= 1 && uses <= TOKEN_USES_MAX) return;
  throw invalid(`A token has 1 to ${TOKEN_USES_MAX} uses, not ${uses}.`);
}

/** Throws "principal-invalid", or "principal-reserved" for a pattern of reserved names alone: it would admit nobody. */
export function requireNamePattern(pattern: string): void {
  if (isNamePattern(pattern)) {
    const reserved = reservedPattern(pattern);
    if (reserved === undefined) return;
    throw new FirefliesError(
      "principal-reserved",
      `"${pattern}" would admit nobody: all its names stand for ${reserved}.`,
    );
  }
  const rule = "A pattern has 1 to 64 characters of A-Z a-z 0-9 . _ - and *, and begins with a letter, a digit or *";
  throw new FirefliesError("principal-invalid", `${rule}. ${JSON.stringify(pattern.slice(0, 80))} does not.`);
}

/** 256 random bits need no slow hash; the look-up by hash takes no secret-dependent time. */
export function tokenHash(secret: Uint8Array): Uint8Array {
  return sha256(secret);
}
