/**
 * An attack as data: a network with its faults, and the program that its liars play. With a version of this package it is
 * one run, so whatever a search finds is kept, made smaller and repeated as JSON.
 */
import type { Violation } from "../invariants/violation.js";
import type { Program } from "../puppets/program.js";
import type { Plan } from "../run/plan.js";

export interface Attack {
  /** `adversaries` is empty: its liars play the program and nothing else. */
  readonly plan: Plan;
  readonly program: Program;
}

/** How near an attack came to breaking an invariant: shares from 0 to 1. */
export interface Nearness {
  /** The longest time without a break for which a correct view held a correct member as accused, of the time that removes. */
  readonly longest: number;
  /** The same as a mean over all correct views of one member at one moment. */
  readonly mean: number;
  /** The most correct views that held one member as accused at one moment. */
  readonly breadth: number;
  /** Notes of one member that were accused in a view which differed from its own about a third one, of five. */
  readonly blind: number;
  /** For how long without a break correct views differed about one member, of ten beats. */
  readonly parted: number;
  /** Notes that one correct member was made to sign, of the most that its pace allows. */
  readonly burnt: number;
}

/** What came of an attack that was played. */
export interface Outcome {
  /** The first. */
  readonly violation?: Violation;
  readonly nearness: Nearness;
  readonly events: number;
}

/** An attack that a search has played. */
export interface Tried {
  /** That it was drawn or bred from. */
  readonly seed: number;
  readonly attack: Attack;
  readonly outcome: Outcome;
}

/**
 * What counts of each part. One view removes a member alone, so the longest time counts most; then whether the accused and
 * its judge saw two worlds, because it answers in its own, and how long two worlds lasted: who keeps them apart for long has
 * still to accuse in the right place, and would be thrown away if that alone counted. The others tell equals apart.
 */
const WEIGHTS: Nearness = { longest: 1, mean: 0.2, blind: 0.3, breadth: 0.03, parted: 0.25, burnt: 0.02 };

export function scoreOf(nearness: Nearness): number {
  const names = Object.keys(WEIGHTS) as (keyof Nearness)[];
  return names.reduce((sum, name) => sum + WEIGHTS[name] * nearness[name], 0);
}
