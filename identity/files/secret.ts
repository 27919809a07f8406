/** Secrets and what is derived from them. */
import { createHmac, randomBytes } from "node:crypto";

/** `length` bytes from the system's generator. */
export function randomSecret(length: number): Uint8Array {
  return new Uint8Array(randomBytes(length));
}

/** HMAC-SHA-256, 32 bytes. */
export function hmacSha256(key: Uint8Array, data: Uint8Array): Uint8Array {
  return new Uint8Array(createHmac("sha256", key).update(data).digest());
}
