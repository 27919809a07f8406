/**
 * A failing plan made smaller: fewer seconds, faults, members, liars and disturbances, as long as it still fails in the same
 * way. Greedy: of the smaller plans, largest step first, the first that still fails is the next to be made smaller.
 */
import { EVERY_ADVERSARY } from "../adversaries/index.js";
import type { Violation } from "../invariants/violation.js";
import { endOf, type Plan, type PlannedFault } from "./plan.js";

export interface Shrunk {
  readonly plan: Plan;
  readonly violation: Violation;
  /** Runs that it took. */
  readonly tries: number;
}

/** Runs at most: the large steps come first, and what is left after so many is small or stubborn. */
const SHRINK_TRIES_MAX = 200;

/** Seconds kept after the violation, so that it is not cut off with the tail. */
const TAIL_MS = 1_000;
const SECONDS_MIN = 1;
const MEMBERS_MIN = 1;

export interface ShrinkOptions {
  /** Runs a plan: its first violation, "passes", or "stop" when there is no more time. */
  readonly run: (plan: Plan) => Violation | "passes" | "stop";
  readonly triesMax?: number;
}

/** `violation`: the first one of the plan, which must fail. */
export function shrink(plan: Plan, violation: Violation, { run, triesMax = SHRINK_TRIES_MAX }: ShrinkOptions): Shrunk {
  let best: Shrunk = { plan, violation, tries: 0 };
  const seen = new Set([JSON.stringify(plan)]);
  let tries = 0;
  for (let improved = true; improved; ) {
    improved = false;
    for (const smaller of smallerPlans(best.plan, best.violation)) {
      const key = JSON.stringify(smaller);
      if (seen.has(key)) continue;
      if (tries >= triesMax) return { ...best, tries };
      seen.add(key);
      tries += 1;
      const outcome = run(smaller);
      if (outcome === "stop") return { ...best, tries };
      if (outcome === "passes" || outcome.invariant !== violation.invariant) continue;
      best = { plan: smaller, violation: outcome, tries };
      improved = true;
      break;
    }
  }
  return { ...best, tries };
}

/** Plans that are smaller by one step, boldest first. */
function* smallerPlans(plan: Plan, violation: Violation): Generator<Plan> {
  yield* shorter(plan, violation);
  yield* withFewerFaults(plan);
  yield* withFewerMembers(plan);
  yield* withFewerAdversaries(plan);
  yield* withQuieterNetwork(plan);
  yield* withShorterFaults(plan);
}

function* shorter(plan: Plan, violation: Violation): Generator<Plan> {
  const last = Math.max(0, ...plan.faults.map(endOf));
  const enough = [violation.at + TAIL_MS, last + TAIL_MS, 500 * plan.seconds].map((ms) => Math.ceil(ms / 1_000));
  for (const seconds of enough.toSorted((a, b) => a - b)) {
    if (seconds < SECONDS_MIN || seconds >= plan.seconds) continue;
    yield { ...plan, seconds, faults: plan.faults.filter(({ at }) => at < 1_000 * seconds) };
  }
}

function* withFewerFaults(plan: Plan): Generator<Plan> {
  const { faults } = plan;
  for (let size = faults.length; size >= 1; size = Math.floor(size / 2)) {
    for (let from = 0; from < faults.length; from += size) {
      yield { ...plan, faults: [...faults.slice(0, from), ...faults.slice(from + size)] };
    }
  }
}

function* withFewerMembers(plan: Plan): Generator<Plan> {
  const { members, byzantine, rings } = plan;
  const share = byzantine / members;
  for (const fewer of [members >> 2, members >> 1, members - (members >> 2), members - 1]) {
    if (fewer < MEMBERS_MIN || fewer >= members) continue;
    yield { ...plan, members: fewer, byzantine: Math.min(byzantine, Math.floor(share * fewer)) };
  }
  // The same ring count: with fewer liars it bears them all the more.
  for (const fewer of new Set([0, byzantine >> 1, byzantine - 1])) {
    if (fewer >= 0 && fewer < byzantine) yield { ...plan, rings, byzantine: fewer };
  }
}

function* withFewerAdversaries(plan: Plan): Generator<Plan> {
  const adversaries = plan.adversaries.includes("all") ? EVERY_ADVERSARY : plan.adversaries;
  if (adversaries.length < 2) return;
  const half = adversaries.length >> 1;
  yield { ...plan, adversaries: adversaries.slice(0, half) };
  yield { ...plan, adversaries: adversaries.slice(half) };
  for (const name of adversaries) yield { ...plan, adversaries: [name] };
  for (const left of adversaries) yield { ...plan, adversaries: adversaries.filter((name) => name !== left) };
}

function* withQuieterNetwork(plan: Plan): Generator<Plan> {
  const { network } = plan;
  if (plan.start === "joining") yield { ...plan, start: "whole" };
  if (plan.crypto === "p256") yield { ...plan, crypto: "fake" };
  if (plan.nat) yield { ...plan, nat: 0 };
  if (network.loss > 0) yield { ...plan, network: { ...network, loss: 0 } };
  if (network.duplicates > 0) yield { ...plan, network: { ...network, duplicates: 0 } };
  if (network.reordering > 0) yield { ...plan, network: { ...network, reordering: 0 } };
  if (network.bytesPerSecond !== null) yield { ...plan, network: { ...network, bytesPerSecond: null } };
  if (network.latency !== "steady") yield { ...plan, network: { ...network, latency: "steady" } };
}

function* withShorterFaults(plan: Plan): Generator<Plan> {
  for (const [index, fault] of plan.faults.entries()) {
    for (const simpler of simplerFaults(fault)) {
      yield { ...plan, faults: plan.faults.map((other, place) => (place === index ? simpler : other)) };
    }
  }
}

/** Half as long, and whole seconds: easier to read. */
function* simplerFaults(fault: PlannedFault): Generator<PlannedFault> {
  if (fault.kind === "crash" && fault.back) {
    const { at, kind, member } = fault;
    yield { at, kind, member };
  }
  if (fault.kind === "expire" && fault.renewedAfter !== undefined) {
    const { at, kind, member } = fault;
    yield { at, kind, member };
  }
  if ("lasts" in fault && fault.lasts >= 2_000) yield { ...fault, lasts: fault.lasts >> 1 };
  const whole = Math.floor(fault.at / 1_000) * 1_000;
  if (whole > 0 && whole < fault.at) yield { ...fault, at: whole };
}
