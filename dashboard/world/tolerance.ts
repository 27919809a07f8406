/**
 * What a network tolerates with its number of rings: docs/protocol.md, section 2. With share P of N members lying, a member
 * is exposed when more than t = (k - 1) / 2 of its k predecessors lie; the risk that any is exposed shall be at most eps.
 */
import type { Plan } from "../feed/forms.js";

/** That `fireflies plan` accepts by itself. */
const RISK = 0.01;
/** Below this the share stands for whole members: `fireflies plan` counts so. */
const SMALL_NETWORK_MEMBERS = 100;
const RING_COUNT_MAX = 255;
const BISECTION_STEPS = 29;
/** What a share of 0.3 times 10 members may be off by as a double. */
const ROUNDING = 1e-9;
/** Of the planned size, from which on somebody should think of a larger one. */
const NEARLY_FULL = 0.9;

export interface Tolerance {
  /** Liars before one member that it stands, of its predecessors on all rings. */
  readonly t: number;
  /** Share of liars within the risk at this size, 0 to 0.5. */
  readonly share: number;
  /** That share in whole members. */
  readonly liars: number;
  /** For the planned share at this size; undefined where no share was planned, or no number suffices. */
  readonly ringsNeeded: number | undefined;
  readonly verdict: "good" | "growing" | "nearly-full" | "too-few-rings" | "unplanned";
}

export function toleranceOf(members: number, rings: number, planned: Plan | undefined): Tolerance {
  const t = Math.floor((rings - 1) / 2);
  const { share, liars } = tolerated(members, rings);
  if (planned === undefined) return { t, share, liars, ringsNeeded: undefined, verdict: "unplanned" };
  const ringsNeeded = needed(members, planned.byzantineShare);
  const isShort = rings < (ringsNeeded ?? Number.POSITIVE_INFINITY);
  // A small network may tolerate less than its plan, which was made for the full one: it grows into it.
  const isGrown = members >= Math.min(SMALL_NETWORK_MEMBERS, planned.membersMax);
  const isNearly = members >= NEARLY_FULL * planned.membersMax;
  const verdict = isShort ? (isGrown ? "too-few-rings" : "growing") : isNearly ? "nearly-full" : "good";
  return { t, share, liars, ringsNeeded, verdict };
}

function tolerated(members: number, rings: number): { readonly share: number; readonly liars: number } {
  if (members < 2) return { share: 0, liars: 0 };
  const holds = (share: number) => withinRisk(members, rings, share);
  if (members >= SMALL_NETWORK_MEMBERS) {
    const share = largest(holds);
    return { share, liars: Math.floor(share * members) };
  }
  let liars = 0;
  while (liars + 1 < members && holds((liars + 1) / (members - 1))) liars++;
  return { share: liars / members, liars };
}

function needed(members: number, planned: number): number | undefined {
  if (members < 2) return undefined;
  const whole = Math.min(members - 1, Math.ceil(planned * members - ROUNDING));
  const share = members >= SMALL_NETWORK_MEMBERS ? planned : whole / (members - 1);
  for (let rings = 3; rings <= RING_COUNT_MAX; rings += 2) if (withinRisk(members, rings, share)) return rings;
  return undefined;
}

function withinRisk(members: number, rings: number, share: number): boolean {
  return tail(rings, share, Math.floor((rings - 1) / 2)) <= RISK / members;
}

function largest(holds: (share: number) => boolean): number {
  let [low, high] = [0, 0.5];
  for (let step = 0; step < BISECTION_STEPS; step++) {
    const middle = (low + high) / 2;
    if (holds(middle)) low = middle;
    else high = middle;
  }
  return low;
}

/** P[Binomial(trials, probability) > threshold], summed in logarithms: the factors overflow by themselves. */
function tail(trials: number, probability: number, threshold: number): number {
  if (probability <= 0) return 0;
  if (probability >= 1) return threshold < trials ? 1 : 0;
  let log = trials * Math.log1p(-probability);
  let sum = threshold < 0 ? Math.exp(log) : 0;
  for (let count = 1; count <= trials; count++) {
    log += Math.log((trials - count + 1) / count) + Math.log(probability) - Math.log1p(-probability);
    if (count > threshold) sum += Math.exp(log);
  }
  return Math.min(1, sum);
}
