/** Whom a key belongs to, of members in a view: rings/rendezvous.ts, with this process's SHA-256. */
import { sha256, wrongType } from "../../identity/index.js";
import { type MemberId, closest as ranked } from "../../rings/index.js";

/** The `count` members that a key belongs to, the first one first; all by default. Throws a TypeError for what is no key. */
export function closest<T extends { readonly id: MemberId }>(
  key: string | Uint8Array,
  among: readonly T[],
  count = among.length,
): T[] {
  if (typeof key !== "string" && !(key instanceof Uint8Array)) throw wrongType("A key is a string or a Uint8Array.");
  return ranked(sha256, key, among, count);
}
