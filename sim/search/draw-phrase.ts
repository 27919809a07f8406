/**
 * Phrases: a few moves that go together. A single one; a split, which tells two sides of the network two things; a jam, which
 * uses up a budget at one moment and takes whatever of it comes back.
 */
import type { Chance } from "../chance.js";
import type { Audience, Move, When } from "../puppets/program.js";
import { drawCount, drawMove, drawUnder, drawWhen, tenths } from "./draw-move.js";

/** Shares of phrases that are splits, and jams. */
const SPLIT_SHARE = 0.25;
const JAM_SHARE = 0.25;

/** Two sides that have nobody in common, and everybody together; the first has the victim, of halves either may. */
const SIDES: readonly (readonly [Audience, Audience])[] = [
  ["victim", "others"],
  ["rest", "few"],
  ["half", "other-half"],
];
/** What anyone may say of itself, and others hold in different order or not at all. */
const OF_ITSELF = ["live", "masked", "leave", "low", "proof"] as const;
/** Of these, one for each budget that members have: of notes, of farewells, of proofs (R11, R12). */
const BUDGETED = ["live", "leave", "proof"] as const;
/** The screen decides who is passed over; of the accuser less is to be had. */
const BY_SCREEN = 0.85;
/** In a split both sides are told in each beat, one a little after the other. */
const EACH_BEAT_SHARE = 0.5;
const APART_TENTHS = 4;
/** Latest beginning of a jam, in beats. */
const JAM_BEATS_MAX = 2;
/** Statements that empty any budget; then so many, so close to each other, around the moment when one more is allowed. */
const JAM = { count: 40, times: 20, apart: 0.003 };
/** Who must answer is to know nothing: so often the jam is of the side that has the victim, and of the victim alone. */
const OF_VICTIMS_SIDE = 0.8;
const OF_VICTIM = 0.6;
/** So often the other side is told, within so many tenths of a beat, what the jammed one shall not hear. */
const TOLD_SHARE = 0.8;
const TOLD_TENTHS = 5;
/** So often under another certificate: what is newer counts more, and what is of one certificate only replaces what was said. */
const OTHERWISE_SHARE = 0.7;

export function drawPhrase(chance: Chance): Move[] {
  const kind = chance.number();
  if (kind < SPLIT_SHARE) return drawSplit(chance);
  return kind < SPLIT_SHARE + JAM_SHARE ? drawJam(chance) : [drawMove(chance)];
}

function drawSplit(chance: Chance): Move[] {
  const by = drawSpeaker(chance);
  const sides = chance.shuffled(chance.pick(SIDES)!);
  const isEachBeat = chance.happens(EACH_BEAT_SHARE);
  const from = tenths(chance, 2);
  return sides.map((to, index) => {
    const say = chance.pick(OF_ITSELF)!;
    const later = (index * chance.below(APART_TENTHS + 1)) / 10;
    const when: When = isEachBeat ? { from: from + later, every: 1 } : drawWhen(chance, say);
    return { by, say, ...drawCount(chance), ...drawUnder(chance, by), to, when };
  });
}

function drawJam(chance: Chance): Move[] {
  const by = drawSpeaker(chance);
  const sides = chance.happens(OF_VICTIM) ? SIDES[0]! : chance.pick(SIDES)!;
  const [to, others] = chance.happens(OF_VICTIMS_SIDE) ? sides : [sides[1], sides[0]];
  const said = { by, say: chance.pick(BUDGETED)!, ...drawUnder(chance, by), to } as const;
  const at = tenths(chance, JAM_BEATS_MAX);
  const from = Math.round(1_000 * (at + 1 - (JAM.times * JAM.apart) / 2)) / 1_000;
  const jam: Move[] = [
    { ...said, count: JAM.count, when: { at } },
    { ...said, when: { from, every: 1, times: JAM.times, apart: JAM.apart }, bearers: "any" },
  ];
  if (!chance.happens(TOLD_SHARE)) return jam;
  // Of the same kind, because each kind has a budget of its own.
  const when = { at: at + (1 + chance.below(TOLD_TENTHS)) / 10 };
  return [...jam, { by, say: said.say, to: others, when, ...(chance.happens(OTHERWISE_SHARE) && { under: "last" }) }];
}

function drawSpeaker(chance: Chance): "screen" | "accuser" {
  return chance.happens(BY_SCREEN) ? "screen" : "accuser";
}
