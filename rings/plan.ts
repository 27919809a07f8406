/**
 * How many rings a network needs, and what a given number of rings bears.
 *
 * A member is *exposed* when more than t of its k predecessor slots are held by Byzantine members: they can then accuse it on
 * more rings than it may disable. A network bears its Byzantine members when the chance that any member at all is exposed is
 * at most the accepted risk eps, for which it suffices that each is with at most eps / N:
 *
 *     t = min { t >= 1 : P[ Binomial(2t + 1, P) > t ] <= eps / N }        (Johansen et al., TOCS 2015)
 *
 * Few members. A position is a hash of its own on every ring, so the predecessors of one member on the k rings are independent
 * uniform draws among the N - 1 others, and one Byzantine member may hold several of the slots. With exactly F Byzantine
 * members a correct member's slots are therefore Binomial(k, F / (N - 1)), exactly. That is more than Binomial(k, P): the
 * member itself is correct and not among the others, and F is a whole number. Of 5 members on 9 rings with one Byzantine
 * (P = 0.2), 4.9 % of the others are exposed, where the formula says 2.0 %. So below SMALL_NETWORK_MEMBERS a share P stands
 * for F = ceil(P N) members and the exact form is used. Above, the formula of the paper is: there the two differ little (100
 * members, P = 0.1, 13 rings: 9.9e-5 by the formula, 1.06e-4 exactly, against eps / N = 1e-4), and its tables stay reproducible.
 * `holdsFrom` says down to which size a claim made for the full network is true.
 */
import { binomialTail } from "./binomial.js";
import { checkRingCount, RING_COUNT_MAX, tolerance } from "./ring-count.js";

/** Accepted risk that any member at all is exposed, unless told otherwise. */
export const RISK_DEFAULT = 0.01;

/** Below this many members the exact form is used: there F / (N - 1) is more than 1 % above P, relatively. */
export const SMALL_NETWORK_MEMBERS = 100;

/** What a share of 0.3 times 10 members may be off by as a double: without it ceil() would count a member too many. */
const ROUNDING = 1e-9;

/** Halvings of 0..0.5 when looking for a share: to 1e-9, below any figure shown. */
const BISECTION_STEPS = 29;

/** A network and its Byzantine members. */
export interface Network {
  /** N, members at most; a whole number, 2 or more. */
  readonly members: number;
  /** P, share of them that is Byzantine: 0 <= P < 1. Below SMALL_NETWORK_MEMBERS it stands for ceil(P N) members. */
  readonly byzantine: number;
}

export interface Need extends Network {
  /** Accepted risk eps that any member is exposed: 0 < eps < 1. Default RISK_DEFAULT. */
  readonly risk?: number | undefined;
}

export interface Supply {
  readonly members: number;
  /** The ring count k, 1..RING_COUNT_MAX. */
  readonly rings: number;
  readonly risk?: number | undefined;
}

export interface RingPlan {
  /** Byzantine predecessors that a member bears. */
  readonly t: number;
  /** k = 2t + 1 */
  readonly rings: number;
}

export interface Tolerated {
  /** Byzantine predecessors that a member bears with this ring count. */
  readonly t: number;
  /** The largest share P of Byzantine members within the risk; 0 when not even one member may be Byzantine. */
  readonly byzantine: number;
  /** That share in whole members. */
  readonly byzantineMembers: number;
}

/**
 * The smallest odd ring count that keeps the risk. Throws RangeError for arguments out of range, and when no count up to
 * RING_COUNT_MAX does: at or near one half Byzantine, which in a small network one single member may be (1 of 3).
 */
export function ringsNeeded({ members, byzantine, risk = RISK_DEFAULT }: Need): RingPlan {
  checkNetwork({ members, byzantine });
  checkRisk(risk);
  const share = slotShare({ members, byzantine });
  for (let t = 1; t <= tolerance(RING_COUNT_MAX); t++) {
    const rings = 2 * t + 1;
    if (withinRisk(members, rings, share, risk)) return { t, rings };
  }
  throw new RangeError(
    `no ring count up to ${RING_COUNT_MAX} keeps the risk at ${risk} with ${byzantineMembers({ members, byzantine })} ` +
      `Byzantine of ${members} members: plan for more members or fewer Byzantine ones`,
  );
}

/** The largest Byzantine share that a ring count bears at this size. Throws RangeError for arguments out of range. */
export function tolerated({ members, rings, risk = RISK_DEFAULT }: Supply): Tolerated {
  checkNetwork({ members, byzantine: 0 });
  checkRingCount(rings);
  checkRisk(risk);
  const t = tolerance(rings);
  const bears = (share: number) => withinRisk(members, rings, share, risk);
  if (members >= SMALL_NETWORK_MEMBERS) {
    const byzantine = largestShare(bears);
    return { t, byzantine, byzantineMembers: Math.floor(byzantine * members) };
  }
  let most = 0;
  while (most + 1 < members && bears((most + 1) / (members - 1))) most++;
  return { t, byzantine: most / members, byzantineMembers: most };
}

/** The probability that one given correct member is exposed. Throws RangeError for arguments out of range. */
export function exposureProbability({ members, byzantine, rings }: Network & { readonly rings: number }): number {
  checkNetwork({ members, byzantine });
  checkRingCount(rings);
  return exposure(rings, slotShare({ members, byzantine }));
}

/** The expected number of exposed members, of the correct ones. Throws RangeError for arguments out of range. */
export function expectedExposed({ members, byzantine, rings }: Network & { readonly rings: number }): number {
  const probability = exposureProbability({ members, byzantine, rings });
  return correctMembers({ members, byzantine }) * probability;
}

/**
 * The smallest size from which on the claim "this share of Byzantine members is borne within the risk" holds for every size up
 * to `members`: a network grows into its plan. Undefined when it does not hold at `members` itself.
 * Throws RangeError for arguments out of range.
 */
export function holdsFrom({ members, byzantine, rings, risk = RISK_DEFAULT }: Need & Supply): number | undefined {
  checkNetwork({ members, byzantine });
  checkRingCount(rings);
  checkRisk(risk);
  const holds = (size: number) => withinRisk(size, rings, slotShare({ members: size, byzantine }), risk);
  if (!holds(members)) return undefined;
  // From SMALL_NETWORK_MEMBERS up the share is the same at all sizes, so that what holds at one holds at all smaller ones.
  let size = Math.min(members, SMALL_NETWORK_MEMBERS);
  while (size > 2 && holds(size - 1)) size--;
  return size;
}

/** Whole Byzantine members that a share stands for: rounded up, since a fraction of a member may be a whole one. */
function byzantineMembers({ members, byzantine }: Network): number {
  return Math.min(members - 1, Math.ceil(byzantine * members - ROUNDING));
}

/** How many members of the network are correct; of a large one on average. */
function correctMembers({ members, byzantine }: Network): number {
  if (members >= SMALL_NETWORK_MEMBERS) return members * (1 - byzantine);
  return members - byzantineMembers({ members, byzantine });
}

/** The probability that the holder of one predecessor slot of a correct member is Byzantine. */
function slotShare({ members, byzantine }: Network): number {
  if (members >= SMALL_NETWORK_MEMBERS) return byzantine;
  return byzantineMembers({ members, byzantine }) / (members - 1);
}

function exposure(rings: number, share: number): number {
  return binomialTail(rings, share, tolerance(rings));
}

function withinRisk(members: number, rings: number, share: number, risk: number): boolean {
  return exposure(rings, share) <= risk / members;
}

/** The largest share that is borne: exposure grows with the share, and at one half no ring count bears it. */
function largestShare(bears: (share: number) => boolean): number {
  let borne = 0;
  let notBorne = 0.5;
  for (let step = 0; step < BISECTION_STEPS; step++) {
    const middle = (borne + notBorne) / 2;
    if (bears(middle)) borne = middle;
    else notBorne = middle;
  }
  return borne;
}

function checkNetwork({ members, byzantine }: Network): void {
  if (!Number.isSafeInteger(members) || members < 2) {
    throw new RangeError(`a network has a whole number of members, 2 or more, not ${members}`);
  }
  if (!(byzantine >= 0 && byzantine < 1)) {
    throw new RangeError(`the Byzantine share is a number from 0 to less than 1, not ${byzantine}`);
  }
}

function checkRisk(risk: number): void {
  if (!(risk > 0 && risk < 1)) throw new RangeError(`the accepted risk is a number between 0 and 1, not ${risk}`);
}
