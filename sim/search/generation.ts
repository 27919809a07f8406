/**
 * A generation is a block of seeds. Each seed stands for one attack, which depends on the population as it was at the
 * generation's beginning and on nothing else: whoever plays which, and in which order, the next population is the same.
 */
import { Chance } from "../chance.js";
import { type Attack, scoreOf, type Tried } from "./attack.js";
import { changed, crossed } from "./breed.js";
import { drawAttack } from "./draw-attack.js";
import { nicheOf } from "./population.js";

export const SEEDS_PER_GENERATION = 50;
/** A stream of a seed, apart from those of the simulation. */
const STREAM = 0x73656172;
/** Share of attacks that are drawn anew, and of those bred that have two parents. */
const NEW_SHARE = 0.2;
const CROSSED_SHARE = 0.25;
/** Of so many drawn ones the nearest is a parent. */
const RIVALS = 3;
/** So often they are of one niche, whichever it is: else the nearest niches alone would be bred from. */
const OF_A_NICHE = 0.5;

export function attackOf(seed: number, population: readonly Tried[]): Attack {
  const chance = new Chance(seed, STREAM);
  if (population.length === 0 || chance.happens(NEW_SHARE)) return drawAttack(chance);
  const one = parent(population, chance);
  return chance.happens(CROSSED_SHARE) ? crossed(one, parent(population, chance), chance) : changed(one, chance);
}

function parent(population: readonly Tried[], chance: Chance): Attack {
  const niche = chance.happens(OF_A_NICHE) ? chance.pick([...new Set(population.map(nicheOf))]) : undefined;
  const candidates = niche === undefined ? population : population.filter((each) => nicheOf(each) === niche);
  const rivals = Array.from({ length: RIVALS }, () => chance.pick(candidates)!);
  const [nearest] = rivals.toSorted((a, b) => scoreOf(b.outcome.nearness) - scoreOf(a.outcome.nearness));
  return nearest!.attack;
}
