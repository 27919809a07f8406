/**
 * Whom a key belongs to, by rendezvous hashing (Thaler and Ravishankar, "Using name-based mappings to increase hit rates",
 * IEEE/ACM Transactions on Networking 1998): each member has a weight for the key that all compute alike, and the highest ones
 * have it. A member that comes takes an equal share from all, one that goes leaves its own to all, and no other key moves.
 *
 * In two forms. `closest` takes a digest for each key and member: for keys that stand by themselves. `seedOf` and `scoreOf` take one
 * digest for each member, and some multiplications for each number: for the numbers of a log, thousands a second.
 */
import { compareBytes, concatBytes } from "./bytes.js";
import { type MemberId, memberIdToBytes } from "./member-id.js";
import type { Sha256 } from "./position.js";
import { utf8Encode } from "./utf8.js";

/** The `count` members that a key belongs to, the first one first; all of them when there are no more. Text stands for its UTF-8. */
export function closest<T extends { readonly id: MemberId }>(
  sha256: Sha256,
  key: string | Uint8Array,
  among: readonly T[],
  count = among.length,
): T[] {
  // The hash of the key, so that keys of any length cost the same for each member.
  const hash = sha256(typeof key === "string" ? utf8Encode(key) : key);
  const weighed = among.map((member) => ({ member, weight: sha256(concatBytes(hash, memberIdToBytes(member.id))) }));
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

/** What a member's scores for numbers are made from: two words of 32 bits. */
export interface Seed {
  readonly high: number;
  readonly low: number;
}

/** Of a member, among what the other bytes name. */
export function seedOf(sha256: Sha256, member: MemberId, ...named: readonly Uint8Array[]): Seed {
  const digest = sha256(concatBytes(memberIdToBytes(member), ...named));
  return { high: wordAt(digest, 0), low: wordAt(digest, 4) };
}

/** 32 bits, evenly spread over the numbers. */
export function scoreOf({ high, low }: Seed, number: number): number {
  return mix(mix((number ^ low) >>> 0) ^ (Math.floor(number / 2 ** 32) + high));
}

/** The last step of MurmurHash3 (Appleby): each bit of a word depends on each. */
function mix(word: number): number {
  let mixed = word;
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}

function wordAt(bytes: Uint8Array, at: number): number {
  return ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0;
}
