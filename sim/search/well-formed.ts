/** What a drawn attack lacks to mean anything, added: most draws would else be a run in which nothing happens. */
import type { Chance } from "../chance.js";
import type { Move, Program, Renewal } from "../puppets/program.js";
import { drawFault } from "../run/fault-draw.js";
import type { Plan } from "../run/plan.js";
import type { Attack } from "./attack.js";
import { bounded } from "./bounded.js";
import { drawMove } from "./draw-move.js";

/** What splits views alone accuses nobody; all else needs one that does. */
const ACCUSING_SHARE = 0.95;
/** Beats after a renewal, and between the two, and bearers: under a certificate that others lack nothing is looked at. */
const INTRODUCED_AFTER = 0.1;
const INTRODUCED_BY = 3;

export function wellFormed({ plan, program }: Attack, chance: Chance): Attack {
  const accused = accusing(program, chance);
  return { plan: staged(plan, accused, chance), program: introduced(accused) };
}

function accusing(program: Program, chance: Chance): Program {
  const { moves } = program;
  if (moves.some(({ say }) => say === "accusation") || !chance.happens(ACCUSING_SHARE)) return program;
  return { ...program, moves: [...moves, drawMove(chance, "accusation")] };
}

/** Whoever speaks under its last certificate has one issued, shows it and lives under it, as who renews does. */
function introduced(program: Program): Program {
  let { moves } = program;
  for (const by of ["screen", "accuser"] as const) {
    const speaks = (move: Move) => move.by === by && "under" in move && move.under === "last";
    if (!moves.some((move) => speaks(move) && move.say !== "certificate")) continue;
    const renewal: Renewal = moves.find((move) => isRenewal(move, by)) ?? { by, say: "renewal", when: { at: 0 } };
    const at = "at" in renewal.when ? renewal.when.at : 0;
    for (const [index, say] of (["live", "certificate"] as const).entries()) {
      if (moves.some((move) => speaks(move) && move.say === say)) continue;
      const when = { at: at + (2 - index) * INTRODUCED_AFTER };
      moves = [{ by, say, under: "last", to: "all", when, bearers: INTRODUCED_BY }, ...moves];
    }
    if (!moves.includes(renewal)) moves = [renewal, ...moves];
  }
  return { ...program, moves };
}

function isRenewal(move: Move, by: Move["by"]): move is Renewal {
  return move.say === "renewal" && move.by === by;
}

/** Newcomers come, and the clock of one who is ahead is. */
function staged(plan: Plan, { casting }: Program, chance: Chance): Plan {
  const { faults, seconds, settings } = plan;
  const needed = casting === "newcomer" ? "join" : casting === "ahead" ? "skew" : undefined;
  if (!needed || faults.some(({ kind }) => kind === needed)) return plan;
  const member = chance.below(plan.members - plan.byzantine);
  const fault = drawFault(chance, needed, member, 1_000 * seconds);
  return { ...plan, faults: [...faults, bounded(fault, chance, settings)] };
}
