/** An enrolment token: one string to paste that says where the authority is, which root to trust, and a one-time secret. */
import { fromHex, toHex } from "../../rings/index.js";

/** Before the text, so that a person and a program see what it is; 1 is the format's version. */
const PREFIX = "ff1.";
/** A token is pasted into terminals and environment variables. */
const TOKEN_CHARACTERS_MAX = 2_048;
const URLS_MAX = 8;
export const TOKEN_SECRET_BYTES = 32;
const FINGERPRINT_BYTES = 32;

export interface EnrolmentToken {
  /** Where the authority listens, "https://host:port", the preferred one first. */
  readonly urls: readonly string[];
  /** SHA-256 of the root certificate's DER, 64 lower-case hex digits. */
  readonly fingerprint: string;
  /** 32 random bytes. */
  readonly secret: Uint8Array;
}

export function encodeToken({ urls, fingerprint, secret }: EnrolmentToken): string {
  const compact = { u: urls, f: base64url(fromHex(fingerprint)!), s: base64url(secret) };
  return PREFIX + base64url(new TextEncoder().encode(JSON.stringify(compact)));
}

/** Undefined when `text` is no token. White space around it does not matter: people paste it. */
export function decodeToken(text: string): EnrolmentToken | undefined {
  const trimmed = text.trim();
  if (!trimmed.startsWith(PREFIX) || trimmed.length > TOKEN_CHARACTERS_MAX) return undefined;
  const fields = parseObject(trimmed.slice(PREFIX.length));
  const fingerprint = bytesOf(fields?.f, FINGERPRINT_BYTES);
  const secret = bytesOf(fields?.s, TOKEN_SECRET_BYTES);
  const urls = urlsOf(fields?.u);
  if (fingerprint === undefined || secret === undefined || urls === undefined) return undefined;
  return { urls, fingerprint: toHex(fingerprint), secret };
}

function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(text, "base64url").toString("utf8"));
    return typeof value === "object" && value !== null ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}

function bytesOf(value: unknown, length: number): Uint8Array | undefined {
  if (typeof value !== "string") return undefined;
  const bytes = new Uint8Array(Buffer.from(value, "base64url"));
  return bytes.length === length ? bytes : undefined;
}

function urlsOf(value: unknown): string[] | undefined {
  if (!Array.isArray(value) || value.length === 0 || value.length > URLS_MAX) return undefined;
  return value.every(isAuthorityUrl) ? value : undefined;
}

/** Whether `value` is "https://host:port" and nothing more. */
export function isAuthorityUrl(value: unknown): value is string {
  if (typeof value !== "string" || !URL.canParse(value)) return false;
  const url = new URL(value);
  const bare = url.pathname === "/" && url.search === "" && url.hash === "" && url.username === "";
  return url.protocol === "https:" && bare && url.password === "";
}

function base64url(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("base64url");
}
