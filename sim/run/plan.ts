/**
 * A plan: everything that a run is, as plain data. A plan and a version of this package give one digest; a failing run is
 * shrunk by making its plan smaller; and a plan written as JSON is how anyone repeats it.
 */
import { LAN, LOCAL, type Settings, WAN } from "../../gossip/index.js";
import { LAN_LATENCY, type Latency, WAN_LATENCY } from "../network/latency.js";

export interface Plan {
  /** 0 to 2^32 - 1: all chance of the run, and which members are Byzantine. */
  readonly seed: number;
  /** 1 to 100,000 at the start; joins come on top. */
  readonly members: number;
  /** How many of them are Byzantine: a whole number below `members`. */
  readonly byzantine: number;
  /** k: odd or even, 1 or more. */
  readonly rings: number;
  /** Whether S1 also holds for members with more than t rings in liars' hands: with a ring count of one's own choice it does. */
  readonly countExposed: boolean;
  /** Names from `ADVERSARIES`, all of them at work in every Byzantine member. */
  readonly adversaries: readonly string[];
  /** Length of the phase with faults, seconds of virtual time. The quiet phase comes on top. */
  readonly seconds: number;
  /** "whole": all know all at time 0; "joining": they come one by one. */
  readonly start: "whole" | "joining";
  /** "fake" signs in a microsecond; "p256" as members do in production. */
  readonly crypto: CryptoName;
  readonly settings: Settings;
  readonly network: NetworkPlan;
  /** Share of the members that sits behind NATs, 0 to below 1 (`SimulationOptions.nat`); left out: none. */
  readonly nat?: number;
  /** In any order. */
  readonly faults: readonly PlannedFault[];
}

export type CryptoName = "fake" | "p256";

/** How the network is while nothing is wrong with it. */
export interface NetworkPlan {
  /** A distribution of one-way latencies by name: see `LATENCIES`. */
  readonly latency: LatencyName;
  /** Shares, 0 to below 1: of datagrams lost, sent twice, and overtaken by later ones. */
  readonly loss: number;
  readonly duplicates: number;
  readonly reordering: number;
  /** Bytes per second out of each member, and as many into it; null: as many as there are. */
  readonly bytesPerSecond: number | null;
}

/** Intervals by the name that plans and the command line give them. */
export const PRESETS = { lan: LAN, local: LOCAL, wan: WAN } as const;

/** One packet in twenty waits in a queue for up to 400 ms. */
const SPIKY_LATENCY: Latency = [
  0.2, 0.3, 0.3, 0.4, 0.4, 0.5, 0.5, 0.6, 0.6, 0.7, 0.7, 0.8, 0.8, 0.9, 0.9, 1, 1, 2, 3, 5, 400,
];

/** By the name that plans and the command line give them. "steady": always 2 ms, so that traces are easy to read. */
export const LATENCIES = { steady: [2, 2], lan: LAN_LATENCY, wan: WAN_LATENCY, spiky: SPIKY_LATENCY } as const;
export type LatencyName = keyof typeof LATENCIES;

/**
 * Something that happens in the phase with faults, `at` milliseconds after its beginning. `member` counts through the correct
 * members, and starts again behind the last: so a fault means something in a smaller run too. What lasts ends after `lasts`
 * milliseconds, or with the phase.
 */
export type PlannedFault =
  | { readonly kind: "crash"; readonly at: number; readonly member: number; readonly back?: Return }
  | { readonly kind: "stall"; readonly at: number; readonly member: number; readonly lasts: number }
  | { readonly kind: "leave" | "revoke" | "describe" | "renew"; readonly at: number; readonly member: number }
  /** Its certificate ends, by a clock that is right and with the tolerated difference; the next comes so much later, or never. */
  | { readonly kind: "expire"; readonly at: number; readonly member: number; readonly renewedAfter?: number }
  /** Another issuing certificate: all renew within the first half of this time, and at its end the former is retired. */
  | { readonly kind: "rotate"; readonly at: number; readonly lasts: number }
  | { readonly kind: "join"; readonly at: number }
  | { readonly kind: "skew"; readonly at: number; readonly member: number; readonly ms: number }
  /** `share` of the members against the others; one way: only what that side sends is lost. */
  | {
      readonly kind: "partition";
      readonly at: number;
      readonly lasts: number;
      readonly share: number;
      readonly oneWay: boolean;
    }
  /** So much is lost on all links. */
  | { readonly kind: "loss"; readonly at: number; readonly lasts: number; readonly loss: number }
  /** So much of what one member sends, or of what it would receive, is lost. */
  | {
      readonly kind: "egress" | "ingress";
      readonly at: number;
      readonly lasts: number;
      readonly member: number;
      readonly loss: number;
    }
  /** On a share of the `links` so many packets (`delayed`, a share) come later by `delayMs`. */
  | {
      readonly kind: "spikes";
      readonly at: number;
      readonly lasts: number;
      readonly links: number;
      readonly delayed: number;
      readonly delayMs: number;
    }
  /** Nothing reaches one member, then everything, by turns of `period` milliseconds. */
  | {
      readonly kind: "flapping";
      readonly at: number;
      readonly lasts: number;
      readonly member: number;
      readonly period: number;
    }
  /** The NAT of a member forgets its sessions: of the next one that sits behind one. */
  | { readonly kind: "remap"; readonly at: number; readonly member: number }
  /** One correct member after the other that can be dialled, and so relays, crashes; each `period` milliseconds, and is back after two. */
  | { readonly kind: "relays"; readonly at: number; readonly lasts: number; readonly period: number };

/** A crashed member starts again so many milliseconds `after` its crash, with what it had on disk or without. */
export interface Return {
  readonly after: number;
  readonly keepState: boolean;
}

export type FaultKind = PlannedFault["kind"];

/** Faults of any network. */
export const USUAL_FAULTS: readonly FaultKind[] = [
  "crash",
  "stall",
  "leave",
  "revoke",
  "describe",
  "join",
  "skew",
  "partition",
  "loss",
  "egress",
  "ingress",
  "spikes",
  "flapping",
  "renew",
  "expire",
  "rotate",
];

/** Faults of networks with members behind NATs. */
export const NAT_FAULTS: readonly FaultKind[] = ["remap", "relays"];

export const FAULT_KINDS: readonly FaultKind[] = [...USUAL_FAULTS, ...NAT_FAULTS];

/** When a fault is over, milliseconds after the beginning of its phase; what happens at once ends at once. */
export function endOf(fault: PlannedFault): number {
  if (fault.kind === "crash") return fault.at + (fault.back?.after ?? 0);
  if (fault.kind === "expire") return fault.at + (fault.renewedAfter ?? 0);
  return "lasts" in fault ? fault.at + fault.lasts : fault.at;
}
