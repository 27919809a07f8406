/**
 * Which members relay for one that nobody can dial (rule R21): how many, and which. Both follow from the view alone, so
 * neither the member nor a relay chooses.
 *
 * A member is cut off when all its relays are liars. Liars may all offer to relay, while correct members that nobody can dial
 * cannot. So of R relays up to F = P N may be liars, and a random one is with probability p = F / R. The relays of a member are
 * a random choice of r among the R, and all of them lie with probability p^r at most. Over all N members the risk is eps for
 *
 *     r = ceil( ln(eps / N) / ln p )
 *
 * P is what the ring count bears at this size (plan.ts). It covers liars and the dead together, as it does for predecessors.
 */
import { compareBytes } from "./bytes.js";
import type { MemberId } from "./member-id.js";
import { RISK_DEFAULT, tolerated } from "./plan.js";
import { position, type Sha256 } from "./position.js";

/** A member has so many relays at least, where there are so many: two may die before the first is replaced. */
export const RELAYS_MIN = 3;

/** ... and so many at most: they stand in its note, which has 24 addresses. Beyond a third of liars more would be needed. */
export const RELAYS_MAX = 20;

/** The ring of the relays. Members monitor each other on the rings from 1 on, so a place here says nothing about those. */
export const RELAY_RING = 0;

/** Positions that a memory holds, at about 150 bytes: more than the members of a large network. */
const POSITIONS_MAX = 20_000;

/** What the product of a few shares may be off by: four times .1 is within 1e-4. */
const ROUNDING = 1 + 1e-9;

export interface RelayNeed {
  /** N, members in the view with oneself: a whole number, 1 or more. */
  readonly members: number;
  /** The ring count k, 1..RING_COUNT_MAX. */
  readonly rings: number;
  /** R, members other than oneself that relay: a whole number, 0 or more. */
  readonly relays: number;
  /** Accepted risk eps that any member is cut off: 0 < eps < 1. Default RISK_DEFAULT. */
  readonly risk?: number | undefined;
}

/**
 * With how many relays a member must be: RELAYS_MIN at least, all there are at most, and never more than RELAYS_MAX. Throws
 * RangeError for arguments out of range.
 */
export function relayCount({ members, rings, relays, risk = RISK_DEFAULT }: RelayNeed): number {
  if (relays <= RELAYS_MIN) return relays;
  const liars = members < 2 ? 0 : members * tolerated({ members, rings, risk }).byzantine;
  const share = Math.min(1, liars / relays);
  // The least power within the risk: by products, because a logarithm may differ in its last digit from one engine to the next.
  const most = Math.min(relays, RELAYS_MAX);
  let count = 1;
  for (let chance = share; chance > (risk / members) * ROUNDING && count < most; count++) chance *= share;
  return Math.max(RELAYS_MIN, count);
}

/** Where a member stands on the ring of the relays: 32 bytes. */
export type RelayPosition = (id: MemberId) => Uint8Array;

/** Positions on the ring of the relays, each hashed once while it is remembered. */
export function relayPositions(sha256: Sha256): RelayPosition {
  const known = new Map<MemberId, Uint8Array>();
  return (id) => {
    const found = known.get(id) ?? position(sha256, RELAY_RING, id);
    if (known.size >= POSITIONS_MAX && !known.has(id)) known.delete(known.keys().next().value!);
    return known.set(id, found) && found;
  };
}

/**
 * The relays of a member: the first `count` candidates clockwise from its own position, the nearest first. `candidates` are the
 * members that relay, in any order, each once; the member itself is passed over. O(candidates * log count).
 */
export function relaysOf(
  id: MemberId,
  candidates: Iterable<MemberId>,
  count: number,
  positionOf: RelayPosition,
): MemberId[] {
  const mine = positionOf(id);
  const nearest: RelayPlace[] = [];
  for (const candidate of candidates) {
    if (candidate === id) continue;
    const at = positionOf(candidate);
    const place = { id: candidate, at };
    const index = firstBehind(nearest, place, mine);
    if (index >= count) continue;
    nearest.splice(index, 0, place);
    if (nearest.length > count) nearest.pop();
  }
  return nearest.map((relay) => relay.id);
}

interface RelayPlace {
  readonly id: MemberId;
  readonly at: Uint8Array;
}

/** The index of the first that a place comes before, clockwise from a beginning. */
function firstBehind(sorted: readonly RelayPlace[], place: RelayPlace, from: Uint8Array): number {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (isBefore(place, sorted[middle]!, from)) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** Does one place come before another, clockwise from a beginning? By id, should two ever be equal. */
function isBefore(one: RelayPlace, other: RelayPlace, from: Uint8Array): boolean {
  const isWrapped = compareBytes(one.at, from) < 0;
  if (isWrapped !== compareBytes(other.at, from) < 0) return !isWrapped;
  return (compareBytes(one.at, other.at) || (one.id < other.id ? -1 : 1)) < 0;
}
