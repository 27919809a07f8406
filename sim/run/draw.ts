/** Plans drawn from a seed: small networks of all shapes, each with its own liars, network and faults. */
import { LAN, LOCAL, WAN } from "../../gossip/index.js";
import { ringsNeeded } from "../../rings/index.js";
import { EVERY_ADVERSARY, RELAY_ADVERSARIES } from "../adversaries/index.js";
import { Chance } from "../chance.js";
import { drawFault, round } from "./fault-draw.js";
import {
  type FaultKind,
  type LatencyName,
  NAT_FAULTS,
  type NetworkPlan,
  type Plan,
  type PlannedFault,
  USUAL_FAULTS,
} from "./plan.js";

/** Streams of a seed, apart from those of the simulation itself. */
const PLAN_STREAM = 0x706c616e;
const NAT_STREAM = 0x6e617473;

/** How large a drawn plan may be. */
interface Range {
  /** Most networks are of a usual size, one in five of up to the largest: most bugs show in small ones too. */
  readonly membersUsual: number;
  readonly membersMax: number;
  readonly seconds: readonly [min: number, max: number];
  /** Liars are drawn so few that no more rings are needed: the work of a small network grows with its rings. */
  readonly ringsMax: number;
  /** Share of plans in which all adversaries are at work at once, floods and all. */
  readonly everyAdversary: number;
}

/** "small": hundreds of them run in half a minute; "large": for nights. */
const RANGES = {
  small: { membersUsual: 9, membersMax: 18, seconds: [8, 24], ringsMax: 31, everyAdversary: 0.04 },
  large: { membersUsual: 24, membersMax: 80, seconds: [20, 120], ringsMax: 101, everyAdversary: 0.25 },
} as const satisfies Readonly<Record<string, Range>>;
export type PlanSize = keyof typeof RANGES;

const MEMBERS_MIN = 2;
/** Share of plans whose size is drawn from all sizes, up to the largest. */
const LARGEST_SHARE = 0.2;
/** Never more than this share of liars: above it hundreds of rings would be needed. */
const BYZANTINE_SHARE_MAX = 0.3;
/** Faults of a plan are fewer than this, the crash apart that every network large enough has: more would excuse everything. */
const FAULTS_MAX = 6;
/** Loss of all links: half of what the detector is made for, since faults come on top. */
const LOSS_MAX = 0.15;
/** Share of plans in which each member's line is as narrow as this, kilobytes a second: up to a mobile or a home line. */
const NARROW_SHARE = 0.15;
const NARROW_KILOBYTES = [250, 2_000] as const;
/** Whose own packets can fill such a line. */
const FLOODERS: ReadonlySet<string> = new Set([
  ...["all", "storm", "packet-flooder", "note-flooder", "accusation-flooder", "certificate-flooder"],
]);
/** Share of plans with members behind NATs, in networks of so many or more: of fewer too few can be dialled. */
const NAT_SHARE = 0.25;
const NAT_MEMBERS_MIN = 6;
/** Share of these in which liars lie as relays too, beside what else they do. */
const RELAY_LIARS_SHARE = 0.6;
/** Faults of NATs and relays in one plan, at most. */
const NAT_FAULTS_MAX = 3;
/** Real signatures cost a hundred times a fake one. */
const P256_SHARE = 0.06;

/** The plan of this size that a seed stands for, in this version of the package. */
export function drawPlan(seed: number, size: PlanSize = "small"): Plan {
  return withNats(drawUsual(seed, size), new Chance(seed, NAT_STREAM));
}

/** The same with members behind NATs, or without. */
function withNats(plan: Plan, chance: Chance): Plan {
  const { members, byzantine, adversaries, faults, seconds } = plan;
  if (members < NAT_MEMBERS_MIN || !chance.happens(NAT_SHARE)) return plan;
  const liesToo = byzantine > 0 && chance.happens(RELAY_LIARS_SHARE);
  const more = Array.from({ length: chance.between(0, NAT_FAULTS_MAX) }, () => {
    return drawFault(chance, chance.pick(NAT_FAULTS)!, chance.below(members - byzantine), 1_000 * seconds);
  });
  return {
    ...plan,
    nat: round(0.1 + 0.5 * chance.number()),
    adversaries: liesToo ? [...adversaries, chance.pick(RELAY_ADVERSARIES)!] : adversaries,
    faults: [...faults, ...more],
  };
}

function drawUsual(seed: number, size: PlanSize): Plan {
  const range: Range = RANGES[size];
  const chance = new Chance(seed, PLAN_STREAM);
  const members = chance.between(MEMBERS_MIN, chance.happens(LARGEST_SHARE) ? range.membersMax : range.membersUsual);
  const byzantine = drawByzantine(chance, members, range);
  const seconds = chance.between(...range.seconds);
  const adversaries = byzantine > 0 ? drawAdversaries(chance, range) : [];
  const wide = chance.happens(0.1);
  return {
    seed,
    members,
    byzantine,
    rings: ringsFor(members, byzantine),
    countExposed: false,
    adversaries,
    seconds,
    start: chance.happens(0.25) ? "joining" : "whole",
    crypto: chance.happens(P256_SHARE) ? "p256" : "fake",
    settings: wide ? WAN : chance.happens(0.2) ? LOCAL : LAN,
    network: { ...drawNetwork(chance, wide), bytesPerSecond: drawBandwidth(chance, adversaries) },
    faults: drawFaults(chance, members - byzantine, 1_000 * seconds),
  };
}

/** The planned ring count for these. One member alone needs none, and has one. */
export function ringsFor(members: number, byzantine: number): number {
  return members < 2 ? 1 : ringsNeeded({ members, byzantine: byzantine / members }).rings;
}

function drawByzantine(chance: Chance, members: number, { ringsMax }: Range): number {
  if (!chance.happens(0.75)) return 0;
  let byzantine = chance.below(Math.floor(BYZANTINE_SHARE_MAX * members) + 1);
  while (ringsFor(members, byzantine) > ringsMax) byzantine -= 1;
  return byzantine;
}

function drawAdversaries(chance: Chance, { everyAdversary }: Range): string[] {
  if (chance.happens(everyAdversary)) return ["all"];
  return chance.shuffled(EVERY_ADVERSARY).slice(0, chance.between(1, 3)).sort();
}

/** None beside floods: nobody claims to bear one that fills the line itself (SECURITY.md). */
function drawBandwidth(chance: Chance, adversaries: readonly string[]): number | null {
  if (!chance.happens(NARROW_SHARE) || adversaries.some((name) => FLOODERS.has(name))) return null;
  return 1_000 * chance.between(...NARROW_KILOBYTES);
}

function drawNetwork(chance: Chance, wide: boolean): Omit<NetworkPlan, "bytesPerSecond"> {
  const near: readonly LatencyName[] = ["steady", "lan", "lan", "spiky"];
  const rarely = (max: number) => (chance.happens(0.4) ? round(max * chance.number()) : 0);
  return {
    latency: wide ? "wan" : chance.pick(near)!,
    loss: rarely(LOSS_MAX),
    duplicates: rarely(0.5),
    reordering: rarely(0.5),
  };
}

function drawFaults(chance: Chance, correct: number, phaseMs: number): PlannedFault[] {
  const kinds: FaultKind[] = correct > 2 ? ["crash"] : [];
  for (let count = chance.below(FAULTS_MAX); count > 0; count--) kinds.push(chance.pick(USUAL_FAULTS)!);
  const order = chance.shuffled(Array.from({ length: correct }, (_, index) => index));
  return kinds.map((kind, index) => drawFault(chance, kind, order[index % correct]!, phaseMs));
}
