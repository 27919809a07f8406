/** What a search keeps: the nearest attacks of each kind, so that a near one of one kind does not crowd out all others. */
import type { Move } from "../puppets/program.js";
import { scoreOf, type Tried } from "./attack.js";

/** Attacks kept in all, of one niche, and of one score in it. */
const KEPT_MAX = 180;
const KEPT_PER_NICHE = 6;
/**
 * Changes that change nothing are kept a few times, those of fewest moves first, and then the newest: the next change may need
 * them. Of those that came to the same in everything one is kept: they are copies of each other with something beside it.
 */
const KEPT_PER_SCORE = 3;
/** In which steps scores are told apart. */
const SCORE_STEP = 0.005;
/**
 * What decides which views differ, and for whom: whether somebody has further certificates, contradicts itself, leaves. An
 * attack by proofs and one by farewells have no step in common: the nearest of one would crowd out the other's first steps.
 */
const MEANS: readonly Move["say"][] = ["renewal", "proof", "leave"];

/** The next population, the nearest first. What broke an invariant is found, and no longer searched for. */
export function survivors(before: readonly Tried[], tried: readonly Tried[]): Tried[] {
  const counts = new Map<string, number>();
  const mayStay = (key: string, max: number) => {
    const count = (counts.get(key) ?? 0) + 1;
    counts.set(key, count);
    return count <= max;
  };
  const sorted = [...tried, ...before]
    .filter(({ outcome }) => !outcome.violation)
    .map((each) => ({ each, step: Math.round(scoreOf(each.outcome.nearness) / SCORE_STEP) }))
    .sort((a, b) => b.step - a.step || movesOf(a.each) - movesOf(b.each) || b.each.seed - a.each.seed);
  return sorted
    .filter(
      ({ each, step }) =>
        mayStay(`${nicheOf(each)} ${JSON.stringify(each.outcome.nearness)}`, 1) &&
        mayStay(`${nicheOf(each)} ${step}`, KEPT_PER_SCORE),
    )
    .filter(({ each }) => mayStay(nicheOf(each), KEPT_PER_NICHE))
    .slice(0, KEPT_MAX)
    .map(({ each }) => each);
}

function movesOf({ attack: { program } }: Tried): number {
  return program.moves.length;
}

/** Its casting, and its means. */
export function nicheOf({ attack: { program } }: Tried): string {
  const means = MEANS.filter((mean) => program.moves.some(({ say }) => say === mean));
  return [program.casting, ...means].join(" ");
}
