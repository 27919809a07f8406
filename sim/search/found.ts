/** Plays the attack of a seed and, when it breaks an invariant in a way that is not known, makes it smaller. */
import type { Attack, Tried } from "./attack.js";
import { attackOf } from "./generation.js";
import { isOf, type Kind, kindOf } from "./kind.js";
import { play } from "./play.js";
import { type ShrunkAttack, shrinkAttack } from "./shrink-attack.js";

/** What broke an invariant, as small as it could be made. */
export interface Finding extends ShrunkAttack {
  readonly seed: number;
  readonly kind: Kind;
}

export function tried(seed: number, population: readonly Tried[]): Tried {
  const attack = attackOf(seed, population);
  return { seed, attack, outcome: play(attack) };
}

/** The known kind that this one is of. Undefined for one that broke nothing, too. */
export function knownKind({ attack, outcome }: Tried, known: readonly Kind[]): Kind | undefined {
  const { violation } = outcome;
  const own = violation && kindOf(violation.invariant, attack.program);
  return own && known.find((kind) => isOf(kind, own));
}

export function finding({ seed, attack, outcome }: Tried): Finding {
  const { violation } = outcome;
  if (!violation) throw new RangeError("it broke nothing");
  const shrunk = shrinkAttack(attack, violation, (candidate: Attack) => play(candidate).violation);
  return { ...shrunk, seed, kind: kindOf(violation.invariant, shrunk.attack.program) };
}
