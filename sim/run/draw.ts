/** Plans drawn from a seed: small networks of all shapes, each with its own liars, network and faults. */
import { LAN, LOCAL, WAN } from "../../gossip/index.js";
import { ringsNeeded } from "../../rings/index.js";
import { EVERY_ADVERSARY } from "../adversaries/index.js";
import { Chance } from "../chance.js";
import {
  FAULT_KINDS,
  type FaultKind,
  type LatencyName,
  type NetworkPlan,
  type Plan,
  type PlannedFault,
} from "./plan.js";

/** Streams of a seed, apart from those of the simulation itself. */
const PLAN_STREAM = 0x706c616e;
const CRASH_STREAM = 0x63726173;

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
const LARGEST_SHARE = 0.2;
/** Never more than this share of liars: above it hundreds of rings would be needed. */
const BYZANTINE_SHARE_MAX = 0.3;
const FAULTS_MAX = 6;
/** Faults begin when the network has settled, so long after its start. */
const FIRST_FAULT_MS = 2_000;
const LOSS_MAX = 0.15;
/** Real signatures cost a hundred times a fake one. */
const P256_SHARE = 0.06;

/** Intervals by the name that the command line and plans give them. */
export const PRESETS = { lan: LAN, local: LOCAL, wan: WAN } as const;

/** The plan of this size that a seed stands for, in this version of the package. */
export function drawPlan(seed: number, size: PlanSize = "small"): Plan {
  const range: Range = RANGES[size];
  const chance = new Chance(seed, PLAN_STREAM);
  const members = between(chance, MEMBERS_MIN, chance.happens(LARGEST_SHARE) ? range.membersMax : range.membersUsual);
  const byzantine = drawByzantine(chance, members, range);
  const seconds = between(chance, ...range.seconds);
  const wide = chance.happens(0.1);
  return {
    seed,
    members,
    byzantine,
    rings: ringsFor(members, byzantine),
    countExposed: false,
    adversaries: byzantine > 0 ? drawAdversaries(chance, range) : [],
    seconds,
    start: chance.happens(0.25) ? "joining" : "whole",
    crypto: chance.happens(P256_SHARE) ? "p256" : "fake",
    settings: wide ? WAN : chance.happens(0.2) ? LOCAL : LAN,
    network: drawNetwork(chance, wide),
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
  return shuffled(chance, EVERY_ADVERSARY)
    .slice(0, between(chance, 1, 3))
    .sort();
}

function drawNetwork(chance: Chance, wide: boolean): NetworkPlan {
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
  for (let count = chance.below(FAULTS_MAX); count > 0; count--) kinds.push(chance.pick(FAULT_KINDS)!);
  const order = shuffled(
    chance,
    Array.from({ length: correct }, (_, index) => index),
  );
  return kinds.map((kind, index) => drawFault(chance, kind, order[index % correct]!, phaseMs));
}

/** One fault of a kind, at a time of its own. */
export function drawFault(chance: Chance, kind: FaultKind, member: number, phaseMs: number): PlannedFault {
  const at = Math.floor(FIRST_FAULT_MS + chance.number() * Math.max(0, phaseMs - 2 * FIRST_FAULT_MS));
  const lasts = Math.floor(500 + chance.number() * Math.max(500, Math.min(30_000, phaseMs - at)));
  switch (kind) {
    case "crash":
      return chance.happens(0.5) ? { kind, at, member } : { kind, at, member, back: drawReturn(chance, lasts) };
    case "stall":
      return { kind, at, member, lasts: Math.min(lasts, 10_000) };
    case "join":
      return { kind, at };
    case "skew":
      return { kind, at, member, ms: Math.floor((2 * chance.number() - 1) * 3_600_000) };
    case "partition":
      return { kind, at, lasts, share: round(0.1 + 0.4 * chance.number()), oneWay: chance.happens(0.3) };
    case "loss":
      return { kind, at, lasts, loss: round(0.05 + 0.25 * chance.number()) };
    case "egress":
    case "ingress":
      return { kind, at, lasts, member, loss: round(0.3 + 0.7 * chance.number()) };
    case "flapping":
      return { kind, at, lasts, member, period: between(chance, 500, 20_000) };
    default:
      return { kind, at, member };
  }
}

function drawReturn(chance: Chance, after: number) {
  return { after, keepState: chance.happens(0.5) };
}

/** Members crash one after the other, so many that the times of detection mean something. */
const CRASHED_SHARE = 0.05;
const CRASHES_MAX = 200;
const CRASH_EVERY_MS = 10_000;
/** A crashed one is back after this long: the network keeps its size, and comebacks are seen too. */
const DOWN_MS = 30_000;
/** One and the same member crashes no more often: from the third removal in ten minutes on it would have to wait (R13). */
const CRASH_AGAIN_MS = 300_000;
/** With fewer correct members nobody is left to detect anything. */
const CORRECT_MIN = 3;

/** New facts about a member this often, on average: enough to see them spread, too few to be what the bytes are spent on. */
const DESCRIBE_EVERY_MS = 10_000;

/** Crashes for a plan whose options were chosen: at even steps, each member at its turn. */
export function drawCrashes(seed: number, correct: number, phaseMs: number): PlannedFault[] {
  if (correct < CORRECT_MIN) return [];
  const chance = new Chance(seed, CRASH_STREAM);
  const wished = Math.max(1, CRASHED_SHARE * correct, phaseMs / CRASH_EVERY_MS);
  const downAtOnce = Math.max(1, Math.floor(CRASHED_SHARE * correct));
  const bearable = Math.max(1, (downAtOnce * phaseMs) / DOWN_MS);
  const fair = correct * Math.max(1, phaseMs / CRASH_AGAIN_MS);
  const count = Math.floor(Math.min(CRASHES_MAX, wished, bearable, fair));
  const order = shuffled(
    chance,
    Array.from({ length: correct }, (_, index) => index),
  );
  const step = (0.8 * phaseMs) / count;
  return Array.from({ length: count }, (_, index) => {
    const at = Math.floor(0.1 * phaseMs + step * (index + 0.5 * chance.number()));
    const crash: PlannedFault = { kind: "crash", at, member: order[index % correct]! };
    const isBack = at + DOWN_MS < phaseMs;
    return isBack ? { ...crash, back: { after: DOWN_MS, keepState: chance.happens(0.5) } } : crash;
  });
}

/** Faults of these kinds for a plan whose options were chosen: many crashes and new facts, two of each other kind. */
export function drawFaultsOf(
  kinds: readonly FaultKind[],
  seed: number,
  correct: number,
  phaseMs: number,
): PlannedFault[] {
  const chance = new Chance(seed, PLAN_STREAM);
  const any = () => chance.below(Math.max(1, correct));
  const count = (kind: FaultKind) => (kind === "describe" ? Math.ceil(phaseMs / DESCRIBE_EVERY_MS) : 2);
  const others = kinds.filter((kind) => kind !== "crash" && (correct >= CORRECT_MIN || kind === "join"));
  const drawn = others.flatMap((kind) =>
    Array.from({ length: count(kind) }, () => drawFault(chance, kind, any(), phaseMs)),
  );
  return kinds.includes("crash") ? [...drawCrashes(seed, correct, phaseMs), ...drawn] : drawn;
}

/** A whole number from min to max. */
function between(chance: Chance, min: number, max: number): number {
  return min + chance.below(max - min + 1);
}

function round(share: number): number {
  return Math.round(100 * share) / 100;
}

function shuffled<T>(chance: Chance, items: readonly T[]): T[] {
  const mixed = [...items];
  for (let last = mixed.length - 1; last > 0; last--) {
    const other = chance.below(last + 1);
    [mixed[last], mixed[other]] = [mixed[other]!, mixed[last]!];
  }
  return mixed;
}
