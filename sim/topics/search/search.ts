/**
 * A search for programs that break a promise of topics: attacks are drawn from a seed, and those that came nearest are changed
 * and crossed. Near means: messages came late, were missing for long once faults had stopped, or took much memory or many bytes.
 */
import { Chance } from "../../chance.js";
import type { Violation } from "../../invariants/violation.js";
import { shrink } from "../../run/shrink.js";
import type { Program } from "../liars/program.js";
import type { TopicsPlan } from "../plan.js";
import { playTopics, SETTLE_MS } from "../play.js";
import { drawTopicsPlan } from "./draw.js";
import { changedProgram, crossedProgram } from "./draw-program.js";

/** A stream of a seed, apart from those of its plan. */
const STREAM = 0x74736561;
/** Attacks kept in all, and of one niche. */
const KEPT_MAX = 60;
const KEPT_PER_NICHE = 3;
/** Share of attacks that are drawn anew, and of those bred that have two parents. */
const NEW_SHARE = 0.3;
const CROSSED_SHARE = 0.25;
/** So many milliseconds of the last delivery's delay count fully. */
const LATE_MS = 20_000;
/** So many times the bytes that were needed count fully. */
const DEAR = 50;
/** Runs for making a finding smaller. */
const TRIES_MAX = 60;

export interface Tried {
  readonly seed: number;
  readonly plan: TopicsPlan;
  /** 0 to 1. */
  readonly nearness: number;
  readonly violation?: Violation;
}

/** The attack of a seed: of chance alone, or bred from a population. */
export function attackOf(seed: number, population: readonly Tried[]): TopicsPlan {
  const chance = new Chance(seed, STREAM);
  const drawn = drawTopicsPlan(seed);
  if (population.length === 0 || chance.happens(NEW_SHARE)) return drawn;
  const parent = chance.pick(population)!.plan;
  const program = parent.program ?? drawn.program;
  if (!program) return drawn;
  const other = chance.pick(population)!.plan.program;
  const isCrossed = other !== undefined && chance.happens(CROSSED_SHARE);
  return { ...parent, program: isCrossed ? crossedProgram(program, other) : changedProgram(program, chance) };
}

export function tried(seed: number, population: readonly Tried[]): Tried {
  const plan = attackOf(seed, population);
  const { violations, figures, bytes, least, settledAfter } = playTopics(plan);
  const [violation] = violations;
  const needed = Math.max(1, figures.carried) * least;
  const parts = [(settledAfter ?? SETTLE_MS) / SETTLE_MS, (figures.last ?? 0) / LATE_MS, bytes / needed / DEAR];
  const nearness = parts.reduce((sum, part) => sum + Math.min(1, part), 0) / parts.length;
  return { seed, plan, nearness: Math.round(1_000 * nearness) / 1_000, ...(violation && { violation }) };
}

/** The next population, the nearest first. What broke an invariant is found, and no longer searched for. */
export function survivors(before: readonly Tried[], now: readonly Tried[]): Tried[] {
  const counts = new Map<string, number>();
  const sorted = [...now, ...before].filter(({ violation }) => !violation).sort((a, b) => b.nearness - a.nearness);
  const kept = sorted.filter(({ plan }) => {
    const niche = nicheOf(plan.program);
    const count = (counts.get(niche) ?? 0) + 1;
    counts.set(niche, count);
    return count <= KEPT_PER_NICHE;
  });
  return kept.slice(0, KEPT_MAX);
}

/** A breaking attack made smaller, as long as the same invariant is broken. */
export function smaller(found: Tried): TopicsPlan {
  const { violation } = found;
  if (!violation) throw new RangeError("it broke nothing");
  let best = found.plan;
  let tries = 0;
  const isStill = (candidate: TopicsPlan) => {
    tries += 1;
    const { violations } = playTopics(candidate);
    return violations.find(({ invariant }) => invariant === violation.invariant);
  };
  for (let isSmaller = true; isSmaller && tries < TRIES_MAX; ) {
    isSmaller = false;
    for (const candidate of smallerPlans(best)) {
      if (tries >= TRIES_MAX || !isStill(candidate)) continue;
      best = candidate;
      isSmaller = true;
      break;
    }
  }
  const { plan } = shrink(best.plan, violation, {
    run: (candidate) => isStill({ ...best, plan: candidate }) ?? "passes",
    triesMax: TRIES_MAX,
  });
  return { ...best, plan };
}

function* smallerPlans(attack: TopicsPlan): Generator<TopicsPlan> {
  const { program, work } = attack;
  if (program) {
    for (const each of program.rules) yield { ...attack, program: { ...program, rules: omit(program.rules, each) } };
    for (const each of program.deeds) yield { ...attack, program: { ...program, deeds: omit(program.deeds, each) } };
    const { interests, acknowledges, ...rest } = program;
    if (interests) yield { ...attack, program: { ...rest, ...(acknowledges && { acknowledges }) } };
    if (acknowledges) yield { ...attack, program: { ...rest, ...(interests && { interests }) } };
  }
  const plainer: Partial<typeof work>[] = [{ topics: 1 }, { publishers: 1 }, { failing: 0 }, { handlerMs: 0 }];
  plainer.push(
    { churnMs: null },
    { isPublisherKilled: false },
    { perSecond: 1 },
    { subscribers: work.subscribers >> 1 },
  );
  for (const change of plainer) {
    const changed = { ...work, ...change };
    if (changed.subscribers > 0 && JSON.stringify(changed) !== JSON.stringify(work)) yield { ...attack, work: changed };
  }
}

function omit<T>(items: readonly T[], item: T): T[] {
  return items.filter((each) => each !== item);
}

function nicheOf(program: Program | undefined): string {
  const { rules = [], deeds = [] } = program ?? {};
  return [...new Set([...rules.map(({ does, kind }) => `${does} ${kind}`), ...deeds.map(({ say }) => say)])]
    .sort()
    .join(" ");
}
