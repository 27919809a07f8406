/** Attacks made from others: changed in a place or two, or crossed. */
import type { Chance } from "../chance.js";
import type { Move, Program, Telling } from "../puppets/program.js";
import { type Plan, PRESETS } from "../run/plan.js";
import type { Attack } from "./attack.js";
import { drawAttackedPlan, drawFaults, drawLinks } from "./draw-attack.js";
import {
  AUDIENCES,
  drawBearers,
  drawCasting,
  drawCopies,
  drawCount,
  drawFew,
  drawLasts,
  drawLate,
  drawMove,
  drawScenes,
  drawUnder,
  drawWhen,
  drawWithheld,
} from "./draw-move.js";
import { drawPhrase } from "./draw-phrase.js";
import { wellFormed } from "./well-formed.js";

/** Beyond so many moves some give way: what matters is found among few. */
const MOVES_MAX = 12;
/** Share of the changes that are to the network: another one is another geometry, in which the same program may be nothing. */
const NETWORK_SHARE = 0.12;
/** After a change another one comes so often. */
const AGAIN_SHARE = 0.4;
/** Of each parent's moves, the share that a child has. */
const INHERITED = 0.7;
const SEED_END = 2 ** 32;

export function changed(attack: Attack, chance: Chance): Attack {
  let { plan, program } = attack;
  do {
    if (chance.happens(NETWORK_SHARE)) plan = changedPlan(plan, chance);
    else program = changedProgram(program, chance);
  } while (chance.happens(AGAIN_SHARE));
  return wellFormed({ plan, program }, chance);
}

/** The network and the casting of the one, moves of both. */
export function crossed(one: Attack, other: Attack, chance: Chance): Attack {
  const inherited = ({ program }: Attack) => program.moves.filter(() => chance.happens(INHERITED));
  const moves = atMost(MOVES_MAX, [...inherited(one), ...inherited(other)], chance);
  const { withheld } = chance.happens(0.5) ? one.program : other.program;
  return wellFormed({ plan: one.plan, program: { ...one.program, moves, withheld } }, chance);
}

/** Of more moves those that chance leaves. */
function atMost(count: number, moves: readonly Move[], chance: Chance): readonly Move[] {
  const left = [...moves];
  while (left.length > count) left.splice(chance.below(left.length), 1);
  return left;
}

function changedPlan(plan: Plan, chance: Chance): Plan {
  switch (chance.below(4)) {
    case 0:
      return { ...plan, seed: chance.below(SEED_END) };
    case 1:
      return { ...plan, network: drawLinks(chance, presetOf(plan)) };
    case 2:
      return { ...plan, faults: chance.happens(0.4) ? [] : drawFaults(chance, plan) };
    default:
      return drawAttackedPlan(chance);
  }
}

function presetOf({ settings }: Plan): keyof typeof PRESETS {
  const names = Object.keys(PRESETS) as (keyof typeof PRESETS)[];
  return names.find((name) => PRESETS[name].gossipMs === settings.gossipMs) ?? "lan";
}

function changedProgram(program: Program, chance: Chance): Program {
  const { moves, withheld } = program;
  const place = chance.below(moves.length);
  switch (chance.below(16)) {
    case 0:
    case 1:
    case 2:
    case 3:
    case 4: {
      const phrase = drawPhrase(chance);
      return { ...program, moves: [...atMost(MOVES_MAX - phrase.length, moves, chance), ...phrase] };
    }
    case 5:
    case 6:
      return { ...program, moves: moves.filter((_, index) => index !== place) };
    case 7:
      return { ...program, withheld: chance.happens(0.5) ? withheld.slice(1) : [...withheld, drawWithheld(chance)] };
    case 8:
      return withStage(program, chance);
    default:
      return { ...program, moves: moves.map((move, index) => (index === place ? changedMove(move, chance) : move)) };
  }
}

function withStage(program: Program, chance: Chance): Program {
  const { late, ...prompt } = program;
  switch (chance.below(5)) {
    case 0:
      return { ...program, casting: drawCasting(chance) };
    case 1:
      return { ...program, scenes: drawScenes(chance) };
    case 2:
      return { ...program, lasts: drawLasts(chance) };
    case 3:
      return { ...program, few: drawFew(chance) };
    default:
      return late ? prompt : { ...program, late: drawLate(chance) };
  }
}

/** Another one of its kind in one respect. */
function changedMove(move: Move, chance: Chance): Move {
  return move.say === "renewal" ? drawMove(chance, "renewal") : changedTelling(move, chance);
}

function changedTelling(move: Telling, chance: Chance): Move {
  const { count, ...plain } = move as Telling & { readonly count?: unknown };
  switch (chance.below(8)) {
    case 0:
    case 1:
      return { ...move, to: chance.pick(AUDIENCES)! };
    case 2:
    case 3:
      return { ...move, when: drawWhen(chance, move.say) };
    case 4:
      return { ...plain, ...drawCount(chance) } as Move;
    case 5: {
      const { bearers, copies, ...rest } = move;
      return { ...rest, ...drawBearers(chance), ...drawCopies(chance) } as Move;
    }
    case 6: {
      const { under, ...rest } = move;
      return { ...rest, ...drawUnder(chance, move.by) } as Move;
    }
    default: {
      // Its saying, its rings, whom it accuses: all that is not its audience and its time.
      const other = drawMove(chance, chance.happens(0.5) ? move.say : undefined);
      return other.say === "renewal" ? other : { ...other, to: move.to, when: move.when };
    }
  }
}
