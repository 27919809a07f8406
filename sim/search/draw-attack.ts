/** Attacks drawn at random: small networks of all kinds, and programs of a few moves. */
import type { Chance } from "../chance.js";
import type { Move, Program } from "../puppets/program.js";
import { ringsFor } from "../run/draw.js";
import { drawFault } from "../run/fault-draw.js";
import { type FaultKind, type NetworkPlan, type Plan, PRESETS } from "../run/plan.js";
import type { Attack } from "./attack.js";
import { bounded } from "./bounded.js";
import { drawCasting, drawFew, drawLasts, drawLate, drawScenes, drawWithheld } from "./draw-move.js";
import { drawPhrase } from "./draw-phrase.js";
import { wellFormed } from "./well-formed.js";

const SEED_END = 2 ** 32;
/** Most are small: there are more liars beside each other, and a run takes a fifth of a second. */
const MEMBERS = { min: 8, usual: 16, max: 30 };
const LARGEST_SHARE = 0.2;
/** Two of them make a scene; beyond a third no ring count bears them. */
const LIARS_MIN = 2;
const LIARS_SHARE_MAX = 0.3;
/** As many liars as need no more rings: the work of a small network grows with its rings. */
const RINGS_MAX = 31;
/** Beats of a run: two scenes of usual length, one after the other. */
const BEATS = 26;
const PHRASES_MAX = 5;
/** Most attacks begin with their scenes. */
const PRELUDE_SHARE = 0.05;
/** Liars that go on gossiping help whoever they attack: most attacks keep something back. */
const WITHHOLDING_SHARE = 0.7;
/**
 * Faults that excuse nothing beyond their own member: those of the network would excuse what the search looks for. The loss
 * that all links have never does.
 */
const FAULTS: readonly FaultKind[] = [
  "crash",
  "stall",
  "join",
  "join",
  "describe",
  "leave",
  "skew",
  "renew",
  "expire",
  "rotate",
];
const LOSSES = [0, 0, 0.05, 0.1] as const;

export function drawAttack(chance: Chance): Attack {
  return wellFormed({ plan: drawAttackedPlan(chance), program: drawProgram(chance) }, chance);
}

export function drawAttackedPlan(chance: Chance): Plan {
  const preset = chance.pick(["lan", "lan", "local", "wan"] as const)!;
  const settings = PRESETS[preset];
  const members = chance.between(MEMBERS.min, chance.happens(LARGEST_SHARE) ? MEMBERS.max : MEMBERS.usual);
  const byzantine = drawLiars(chance, members);
  const seconds = (BEATS * settings.gossipMs) / 1_000;
  const plan = {
    members,
    byzantine,
    rings: ringsFor(members, byzantine),
    countExposed: false,
    adversaries: [],
    seconds,
    start: "whole",
    crypto: "fake",
    settings,
  } as const;
  const faults = chance.happens(0.5) ? [] : drawFaults(chance, plan);
  return { ...plan, seed: chance.below(SEED_END), network: drawLinks(chance, preset), faults };
}

export function drawProgram(chance: Chance): Program {
  const moves: Move[] = Array.from({ length: chance.between(1, PHRASES_MAX) }, () => drawPhrase(chance)).flat();
  return {
    casting: drawCasting(chance),
    few: drawFew(chance),
    scenes: drawScenes(chance),
    lasts: drawLasts(chance),
    ...(chance.happens(PRELUDE_SHARE) && { prelude: drawPhrase(chance) }),
    moves,
    withheld: chance.happens(WITHHOLDING_SHARE) ? [drawWithheld(chance)] : [],
    ...(chance.happens(0.1) && { late: drawLate(chance) }),
  };
}

export function drawFaults(
  chance: Chance,
  { members, byzantine, settings, seconds }: Omit<Plan, "faults" | "network" | "seed">,
): Plan["faults"] {
  const correct = members - byzantine;
  const phaseMs = 1_000 * seconds;
  return Array.from({ length: chance.between(1, 2) }, () => {
    const fault = drawFault(chance, chance.pick(FAULTS)!, chance.below(correct), phaseMs);
    return bounded(fault, chance, settings);
  });
}

/** Over continents links are as they are there; in one room mostly. */
export function drawLinks(chance: Chance, preset: keyof typeof PRESETS): NetworkPlan {
  const latency = preset === "wan" ? "wan" : chance.pick(["lan", "steady"] as const)!;
  return { latency, loss: chance.pick(LOSSES)!, duplicates: 0, reordering: 0, bytesPerSecond: null };
}

function drawLiars(chance: Chance, members: number): number {
  let byzantine = chance.between(LIARS_MIN, Math.max(LIARS_MIN, Math.floor(LIARS_SHARE_MAX * members)));
  while (byzantine > LIARS_MIN && ringsFor(members, byzantine) > RINGS_MAX) byzantine -= 1;
  return byzantine;
}
