/** The search at work: attacks that are played, on the rules as they are. */
import { describe, expect, it, vi } from "vitest";
import { PROOF_JAM, TWO_FACED_LEAVER } from "../../../sim/puppets/programs.js";
import type { Tried } from "../../../sim/search/attack.js";
import { finding, knownKind, tried } from "../../../sim/search/found.js";
import { attackOf } from "../../../sim/search/generation.js";
import { play } from "../../../sim/search/play.js";
import { survivors } from "../../../sim/search/population.js";
import { attackWith } from "../../support/sim/attack.js";

vi.setConfig({ testTimeout: 120_000 });

/** Two generations of so many seeds; nightly there are more. */
const BLOCK = Number(process.env.GENERATION ?? 3);

function generation(from: number, population: readonly Tried[]): Tried[] {
  return Array.from({ length: BLOCK }, (_, index) => tried(from + index, population));
}

describe("the search", () => {
  it("plays two generations, the second bred from the first, and nothing breaks", () => {
    const first = generation(0, []);
    const population = survivors([], first);
    const second = generation(BLOCK, population);
    for (const { attack, outcome } of [...first, ...second])
      expect(outcome.violation, JSON.stringify(attack)).toBeUndefined();
    expect(survivors(population, second).length).toBeGreaterThan(BLOCK / 2);
  });

  it("plays the same attack in the same way", () => {
    const attack = attackOf(3, []);
    expect(play(attack)).toEqual(play(attack));
  });

  it("measures how long a correct member stood accused, and how far views were apart", () => {
    const { violation, nearness } = play(attackWith(TWO_FACED_LEAVER));
    expect(violation).toBeUndefined();
    expect(nearness.longest).toBeGreaterThan(0);
    expect(nearness.longest).toBeLessThan(1);
    expect(nearness.breadth).toBeGreaterThan(0);
    expect(nearness.burnt).toBeGreaterThan(0);
    const quiet = play(attackWith({ ...PROOF_JAM, moves: [] }));
    expect(quiet.nearness).toMatchObject({ longest: 0, mean: 0, breadth: 0, parted: 0 });
  });

  it("finds nothing in what broke nothing", () => {
    const quiet = tried(3, []);
    expect(knownKind(quiet, [])).toBeUndefined();
    expect(() => finding(quiet)).toThrow("it broke nothing");
  });
});
