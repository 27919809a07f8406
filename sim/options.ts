/** What a simulation is made from: its options, their ranges, and what follows from them. */
import type { Settings } from "../gossip/index.js";
import { RING_COUNT_MAX, ringsNeeded } from "../rings/index.js";
import type { Actor, Behaviour, Seat, Watcher } from "./actor.js";
import type { Dates, SimCrypto } from "./crypto/crypto.js";
import { MEMBERS_MAX, SEED_MAX } from "./limits.js";
import type { NetworkOptions } from "./network/network.js";

export interface SimulationOptions {
  /** Members at the beginning, 1 to MEMBERS_MAX. */
  readonly members: number;
  /** Byzantine ones of these, drawn from the seed: a share below 1 (to the nearest member), or a whole number. Default 0. */
  readonly byzantine?: number;
  /**
   * Share of the members that sits behind NATs, 0 to below 1: calls and datagrams reach them over sessions that they have made,
   * or through their relays (rule R21). Correct ones, drawn from the seed; RELAYS_CORRECT_MIN of these at least can be dialled.
   * Of those that join later the same share. Default 0.
   */
  readonly nat?: number;
  /** k, 1 to RING_COUNT_MAX of rings/; "auto" (default): as many as this share of Byzantine members needs (rings/plan.ts). */
  readonly rings?: number | "auto";
  /** A whole number, 0 to 2^32 - 1. */
  readonly seed: number;
  /** Intervals of every member, beside those of the preset LAN. */
  readonly settings?: Partial<Settings>;
  /** Latency, loss and so on of all links; faults come and go through `network`. */
  readonly network?: Partial<NetworkOptions>;
  /** "whole" (default): all are members at time 0, and know all. "joining": one after the other comes in through contacts. */
  readonly start?: "whole" | "joining";
  /** What the Byzantine ones do. Without it they do nothing wrong, but no claim counts them. */
  readonly behaviours?: (actor: Actor) => readonly Behaviour[];
  /** Dates of a member's first certificate; undefined, as by default, for two hundred years around the beginning. */
  readonly dates?: (seat: Seat) => Dates | undefined;
  readonly watchers?: readonly Watcher[];
  /** Default: own SHA-256, and signatures without cryptography. */
  readonly crypto?: SimCrypto;
}

/** Rings of a network in which nobody is expected to lie: the least that bears a mistake. */
const RINGS_MIN = 3;

/** Throws RangeError for options out of range. */
export function checkOptions({ members, byzantine = 0, seed, rings, nat = 0 }: SimulationOptions): void {
  if (!(Number.isInteger(members) && members >= 1 && members <= MEMBERS_MAX)) {
    throw new RangeError(`members must be a whole number from 1 to ${MEMBERS_MAX}, not ${members}`);
  }
  if (!(Number.isInteger(seed) && seed >= 0 && seed <= SEED_MAX)) {
    throw new RangeError(`the seed must be a whole number from 0 to 2^32 - 1, not ${seed}`);
  }
  if (!(byzantine >= 0 && (byzantine < 1 || Number.isInteger(byzantine)) && byzantine <= members)) {
    throw new RangeError(`byzantine must be a share below 1 or a whole number of members, not ${byzantine}`);
  }
  if (!(nat >= 0 && nat < 1)) throw new RangeError(`nat must be a share from 0 to below 1, not ${nat}`);
  if (typeof rings === "number" && !(Number.isInteger(rings) && rings >= 1 && rings <= RING_COUNT_MAX)) {
    throw new RangeError(`rings must be a whole number from 1 to ${RING_COUNT_MAX} or "auto", not ${rings}`);
  }
}

/** Correct members that can be dialled, at least: without them all relays lie, and nobody is promised anything. */
export const RELAYS_CORRECT_MIN = 2;

/** How many of them sit behind NATs: of correct ones only, because liars offer to relay wherever they are. */
export function membersBehindNat({ members, nat = 0 }: SimulationOptions, byzantine: number): number {
  return Math.max(0, Math.min(Math.round(nat * members), members - byzantine - RELAYS_CORRECT_MIN));
}

/** How many of them lie. */
export function byzantineMembers({ members, byzantine = 0 }: SimulationOptions): number {
  return byzantine < 1 ? Math.round(byzantine * members) : byzantine;
}

/** k. `byzantine` as a number of members. */
export function ringCountOf({ members, rings = "auto" }: SimulationOptions, byzantine: number): number {
  if (rings !== "auto") return rings;
  if (members < 2) return RINGS_MIN;
  return Math.max(RINGS_MIN, ringsNeeded({ members, byzantine: byzantine / members }).rings);
}
