/**
 * Whom a key belongs to, by rendezvous hashing (Thaler and Ravishankar, "Using name-based mappings to increase hit rates",
 * 1998): each member has a weight for the key that all compute alike, and the highest ones have it. A member that comes takes
 * an equal share from all, one that goes leaves its own to all, and no other key moves.
 */
import { sha256, wrongType } from "../../identity/index.js";
import { compareBytes, concatBytes, type MemberId, memberIdToBytes } from "../../rings/index.js";

/** Text stands for its UTF-8. Two members have the same weight with the chance that SHA-256 collides. */
export function weightOf(key: Uint8Array, id: MemberId): Uint8Array {
  return sha256(concatBytes(key, memberIdToBytes(id)));
}

/** The hash of a key, so that keys of any length cost the same for each member. Throws a TypeError for what is no key. */
function keyHash(key: string | Uint8Array): Uint8Array {
  if (typeof key === "string") return sha256(new TextEncoder().encode(key));
  if (key instanceof Uint8Array) return sha256(key);
  throw wrongType("A key is a string or a Uint8Array.");
}

/** The `count` members that a key belongs to, the first one first; all of them when there are no more. */
export function closest<T extends { readonly id: MemberId }>(
  key: string | Uint8Array,
  among: readonly T[],
  count = among.length,
): T[] {
  const hash = keyHash(key);
  const weighed = among.map((member) => ({ member, weight: weightOf(hash, member.id) }));
  if (count === 1) return weighed.length === 0 ? [] : [weighed.reduce(heavier).member];
  weighed.sort((a, b) => compareBytes(b.weight, a.weight));
  return weighed.slice(0, count).map(({ member }) => member);
}

interface Weighed<T> {
  readonly member: T;
  readonly weight: Uint8Array;
}

function heavier<T>(a: Weighed<T>, b: Weighed<T>): Weighed<T> {
  return compareBytes(a.weight, b.weight) >= 0 ? a : b;
}
