/**
 * Where a member stands on a ring: SHA-256(uint32be(ring) || id), read as a 256-bit big-endian number. The hash scatters a
 * member anew on every ring, so the authority's choice of an id does not choose the neighbours.
 */
import { compareBytes } from "./bytes.js";
import { MEMBER_ID_BYTES, type MemberId, memberIdToBytes } from "./member-id.js";

/** SHA-256 of the data, 32 bytes. A port: this room has no cryptography of its own. */
export type Sha256 = (data: Uint8Array) => Uint8Array;

/** Bytes of a position: as many as SHA-256 yields. */
export const POSITION_BYTES = 32;

const RING_NUMBER_BYTES = 4;

/** Bytes of a position in its numeric prefix: 48 bits are exact in a double and tie about once in 10^7 networks of 10,000. */
const PREFIX_BYTES = 6;
/** Numbers that a prefix may be: 0 to POSITIONS - 1. */
export const POSITIONS = 2 ** (8 * PREFIX_BYTES);

/** One member's positions on all rings. `prefixes[r - 1]` and 32 bytes of `hashes` from `32 * (r - 1)` belong to ring r. */
export interface Place {
  readonly id: MemberId;
  /** The first 48 bits of each position: nearly every comparison ends here, without touching bytes. */
  readonly prefixes: Float64Array;
  readonly hashes: Uint8Array;
}

/** The position of a member on a ring (from 1 on; 0 is that of the relays): 32 bytes, ordered by `compareBytes`. */
export function position(sha256: Sha256, ring: number, id: MemberId): Uint8Array {
  return hashOnRing(sha256, ring, hashInput(id));
}

/** The positions of a member on the rings 1..count. */
export function placeOf(sha256: Sha256, count: number, id: MemberId): Place {
  const input = hashInput(id);
  const prefixes = new Float64Array(count);
  const hashes = new Uint8Array(count * POSITION_BYTES);
  for (let ring = 1; ring <= count; ring++) {
    const hash = hashOnRing(sha256, ring, input);
    prefixes[ring - 1] = numericPrefix(hash);
    hashes.set(hash, (ring - 1) * POSITION_BYTES);
  }
  return { id, prefixes, hashes };
}

/** Clockwise order on a ring: negative when `a` comes before `b`, zero only for the same member. */
export function comparePlaces(ring: number, a: Place, b: Place): number {
  const difference = a.prefixes[ring - 1]! - b.prefixes[ring - 1]!;
  return difference !== 0 || a.id === b.id ? difference : compareTied(ring, a, b);
}

/** By the whole position; by id, should two ever be equal, so that the order stays total and the same for everyone. */
function compareTied(ring: number, a: Place, b: Place): number {
  return compareBytes(hashOf(ring, a), hashOf(ring, b)) || (a.id < b.id ? -1 : 1);
}

function hashOf(ring: number, place: Place): Uint8Array {
  return place.hashes.subarray((ring - 1) * POSITION_BYTES, ring * POSITION_BYTES);
}

/** The bytes to hash, with the ring number still to be filled in. */
function hashInput(id: MemberId): Uint8Array {
  const input = new Uint8Array(RING_NUMBER_BYTES + MEMBER_ID_BYTES);
  input.set(memberIdToBytes(id), RING_NUMBER_BYTES);
  return input;
}

function hashOnRing(sha256: Sha256, ring: number, input: Uint8Array): Uint8Array {
  new DataView(input.buffer).setUint32(0, ring);
  return sha256(input);
}

function numericPrefix(hash: Uint8Array): number {
  let prefix = 0;
  for (let index = 0; index < PREFIX_BYTES; index++) prefix = prefix * 256 + hash[index]!;
  return prefix;
}
