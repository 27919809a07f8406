/** A breaking attack made smaller: its program first, then its network, as long as the same invariant is broken. */
import type { Violation } from "../invariants/violation.js";
import type { Move, Program } from "../puppets/program.js";
import { type Plan, PRESETS } from "../run/plan.js";
import { shrink } from "../run/shrink.js";
import type { Attack } from "./attack.js";

export interface ShrunkAttack {
  readonly attack: Attack;
  readonly violation: Violation;
  readonly tries: number;
}

/** Runs for the program, and for the network after it. */
const PROGRAM_TRIES_MAX = 120;
const PLAN_TRIES_MAX = 60;

type Played = (attack: Attack) => Violation | undefined;

export function shrinkAttack(attack: Attack, violation: Violation, played: Played): ShrunkAttack {
  const smaller = shrinkProgram({ attack, violation, tries: 0 }, played);
  const { program } = smaller.attack;
  const {
    plan,
    violation: last,
    tries,
  } = shrink(smaller.attack.plan, smaller.violation, {
    run: (candidate) => played({ plan: candidate, program }) ?? "passes",
    triesMax: PLAN_TRIES_MAX,
  });
  return { attack: { plan, program }, violation: last, tries: smaller.tries + tries };
}

function shrinkProgram(start: ShrunkAttack, played: Played): ShrunkAttack {
  let best = start;
  let tries = 0;
  for (let isSmaller = true; isSmaller; ) {
    isSmaller = false;
    for (const attack of smallerAttacks(best.attack)) {
      if (tries >= PROGRAM_TRIES_MAX) return { ...best, tries };
      tries += 1;
      const violation = played(attack);
      if (violation?.invariant !== start.violation.invariant) continue;
      best = { attack, violation, tries };
      isSmaller = true;
      break;
    }
  }
  return { ...best, tries };
}

/** Smaller by one step, boldest first. */
function* smallerAttacks({ plan, program }: Attack): Generator<Attack> {
  for (const smaller of smallerPrograms(program)) yield { plan, program: smaller };
  for (const smaller of plainerPlans(plan)) yield { plan: smaller, program };
}

function* smallerPrograms(program: Program): Generator<Program> {
  const { late, prelude, ...plain } = program;
  const { moves, withheld } = program;
  for (let size = moves.length >> 1; size >= 1; size >>= 1) {
    for (let from = 0; from < moves.length; from += size) {
      yield { ...program, moves: [...moves.slice(0, from), ...moves.slice(from + size)] };
    }
  }
  if (late) yield { ...plain, ...(prelude && { prelude }) };
  if (prelude) yield { ...plain, ...(late && { late }) };
  for (const one of withheld) yield { ...program, withheld: withheld.filter((other) => other !== one) };
  if (program.scenes > 1) yield { ...program, scenes: 1 };
  for (const [index, move] of moves.entries()) {
    for (const plainer of plainerMoves(move)) {
      yield { ...program, moves: moves.map((other, place) => (place === index ? plainer : other)) };
    }
  }
}

/** One bearer, one copy, one statement, once. */
function* plainerMoves(move: Move): Generator<Move> {
  if (move.say === "renewal") return;
  const { bearers, copies, ...single } = move;
  if (bearers !== undefined || copies !== undefined) yield single;
  if ("count" in move && move.count !== undefined) {
    const { count: _, ...one } = move;
    yield one as Move;
  }
  const { when } = move;
  if ("times" in when) yield { ...move, when: { from: when.from, every: when.every } };
  if ("from" in when) yield { ...move, when: { at: when.from } };
}

/** What `shrink` of plans leaves as it is. */
function* plainerPlans(plan: Plan): Generator<Plan> {
  const { settings, network, seconds } = plan;
  if (settings.gossipMs === PRESETS.lan.gossipMs) return;
  const scale = PRESETS.lan.gossipMs / settings.gossipMs;
  const faults = plan.faults.map((fault) => ({ ...fault, at: scale * fault.at }));
  yield {
    ...plan,
    settings: PRESETS.lan,
    seconds: scale * seconds,
    network: { ...network, latency: "steady" },
    faults,
  };
}
