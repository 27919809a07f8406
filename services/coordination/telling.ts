/** What members of a rate limiter say to each other, as JSON: strictly read, since anybody may send it. */
import { type Telling, TOLD_KEYS_MAX } from "./shares.js";

/** Base64url digits of a key's digest: 96 bits, so that no two keys of a program are one. */
export const KEY_DIGITS = 16;
const DIGEST = /^[\w-]{16}$/;
/** Of a telling, in bytes. */
const BYTES_MAX = 64 * TOLD_KEYS_MAX;

export function encodeTelling(life: number, { number, demands }: Telling): Uint8Array {
  return new TextEncoder().encode(JSON.stringify({ life, number, demands: [...demands] }));
}

/** Undefined for what is none. */
export function decodeTelling(bytes: Uint8Array): ({ readonly life: number } & Telling) | undefined {
  if (bytes.length > BYTES_MAX) return undefined;
  const { life, number, demands } = (parsed(bytes) ?? {}) as Partial<Record<string, unknown>>;
  if (!isCount(life) || !isCount(number) || !Array.isArray(demands) || demands.length > TOLD_KEYS_MAX) return undefined;
  if (!demands.every(isDemand)) return undefined;
  return { life, number, demands: new Map(demands) };
}

function parsed(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return undefined;
  }
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function isDemand(value: unknown): value is [string, number] {
  if (!Array.isArray(value) || value.length !== 2) return false;
  const [key, demand] = value;
  return typeof key === "string" && DIGEST.test(key) && Number.isFinite(demand) && demand >= 0;
}
