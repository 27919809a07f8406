/** The adversaries by name, sleepers, and everything at once. */
import { describe, expect, it, vi } from "vitest";
import { FalseAccuser } from "../../../sim/adversaries/accusations/false-accuser.js";
import { ADVERSARIES, adversary } from "../../../sim/adversaries/index.js";
import { Sleeper } from "../../../sim/adversaries/sleeper.js";
import { Trial } from "../../support/sim/trial.js";

vi.setConfig({ testTimeout: 120_000 });

describe("the names", () => {
  it("are kebab-case, and each says what it does in a line", () => {
    for (const [name, { about, create }] of ADVERSARIES) {
      expect(name).toMatch(/^[a-z]+(-[a-z]+)*$/);
      expect(about.length).toBeGreaterThan(10);
      expect(about.length).toBeLessThan(100);
      if (name !== "all") expect(create().name).toBe(name);
    }
    expect(adversary("nobody")).toBeUndefined();
  });
});

describe("liars", () => {
  it("that sleep are members like any other, and accuse when their hour has come", () => {
    const trial = new Trial({ liars: () => [new Sleeper(new FalseAccuser(), 60_000)] }).seconds(59);
    expect(trial.count("suspected")).toBe(0);
    expect(trial.sim.isEqual()).toBe(true);
    trial.seconds(10);
    expect(trial.count("suspected")).toBeGreaterThan(trial.correct.length);
    expect(trial.losses).toEqual([]);
  });

  it.each([1, 2])("that do everything at once remove no correct member (seed %i)", (seed) => {
    const trial = new Trial({ members: 12, byzantine: 2, liars: ["all"], seed });
    expect(trial.exposed).toEqual([]);
    trial.seconds(8);
    expect(trial.losses).toEqual([]);
    expect(trial.errors).toEqual([]);
  });

  it("repeat from their seed", () => {
    const digest = () => new Trial({ members: 8, byzantine: 2, liars: ["all"], seed: 3 }).seconds(2).sim.digest();
    expect(digest()).toBe(digest());
  });
});
