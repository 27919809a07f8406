/** Liars that accuse: each attack is seen to happen, and no correct member loses a correct one by it. */
import { describe, expect, it, vi } from "vitest";
import { tolerance } from "../../../rings/index.js";
import { RingAccuser } from "../../../sim/adversaries/accusations/ring-accuser.js";
import { Trial } from "../../support/sim/trial.js";

vi.setConfig({ testTimeout: 120_000 });

function expectSafe(trial: Trial): void {
  expect(trial.exposed.map(({ name }) => name)).toEqual([]);
  expect(trial.losses).toEqual([]);
  expect(trial.errors).toEqual([]);
  expect(trial.isWhole).toBe(true);
}

describe("a false accusation", () => {
  it("of whoever a liar monitors is held, answered, and costs at most t answers for each", () => {
    const trial = new Trial({ members: 18, byzantine: 3, liars: ["false-accuser"] });
    const epochs = trial.correct.map(({ machine }) => machine.epoch);
    trial.seconds(12);
    expect(trial.count("suspected")).toBeGreaterThan(trial.correct.length);
    expect(trial.count("rebutted")).toBe(trial.count("suspected"));
    const answers = trial.correct.map(({ machine }, index) => Number(machine.epoch - epochs[index]!));
    expect(Math.max(...answers)).toBeLessThanOrEqual(tolerance(trial.sim.ringCount));
    expect(Math.max(...answers)).toBeGreaterThan(0);
    expectSafe(trial);
  });

  it("by all liars at once, of one victim on all rings, removes nobody", () => {
    const trial = new Trial({ members: 18, byzantine: 3, liars: ["mob"], seed: 2 }).seconds(12);
    expect(trial.count("suspected")).toBeGreaterThan(0);
    expectSafe(trial);
  });

  it("that is told to all but the accused is heard of by it in time", () => {
    const trial = new Trial({ liars: ["whisperer", "rebuttal-dropper"], seed: 3 }).seconds(20);
    expect(trial.count("suspected")).toBeGreaterThan(trial.correct.length);
    expectSafe(trial);
  });

  it("of all correct members at one moment leaves nobody with liars alone", () => {
    // Found in November 2026: 32 of 40 members, all correct ones, were out of all views after three seconds, because the
    // accused were no partners. See R9 in docs/protocol.md.
    const trial = new Trial({ members: 40, byzantine: 8, rings: 31, liars: ["blackout"] }).seconds(6);
    expect(trial.count("suspected")).toBeGreaterThan(800);
    expectSafe(trial);
  });

  it("of everybody, on every ring, past all that stand accused, ends when each has disabled the rings that liars hold", () => {
    // Found in November 2026: who had t rings disabled opened those that liars hold for those that liars reach past the
    // accused, so that all were accused for ever (24 members, 4 of them liars: 21 answers each in 15 s, now 5 in all).
    const trial = new Trial({ members: 14, byzantine: 2, rings: 11, liars: ["storm"], seed: 4 });
    expect(trial.exposed).toEqual([]);
    const epochs = trial.correct.map(({ machine }) => machine.epoch);
    trial.seconds(12);
    const answers = trial.correct.map(({ machine }, index) => Number(machine.epoch - epochs[index]!));
    expect(Math.max(...answers)).toBeGreaterThan(1);
    expect(Math.max(...answers)).toBeLessThanOrEqual(2 * tolerance(11));
    const suspicions = trial.count("suspected");
    trial.seconds(5);
    expect(trial.count("suspected")).toBe(suspicions);
    expectSafe(trial);
  });

  it("past correct members that are accused as well ends when they answer", () => {
    const trial = new Trial({ members: 18, byzantine: 3, liars: ["leapfrog"], seed: 4 }).seconds(12);
    expect(trial.count("suspected")).toBeGreaterThan(0);
    expectSafe(trial);
  });

  it("that comes to stand when the liar before it drops out is answered then", () => {
    const trial = new Trial({ liars: ["trapdoor"], seed: 5 }).seconds(32);
    const silenced = trial.outputs.filter((output) => output.kind === "failed" && output.reason === "equivocated");
    expect(silenced.length).toBe(trial.correct.length * trial.liars.length);
    expect(trial.count("suspected")).toBeGreaterThan(0);
    expectSafe(trial);
  });

  it("while the victim's epoch is kept spinning is answered in time", () => {
    const trial = new Trial({ liars: ["pesterer"], seed: 6 });
    const epochs = trial.correct.map(({ machine }) => machine.epoch);
    trial.seconds(30);
    const answers = trial.correct.map(({ machine }, index) => Number(machine.epoch - epochs[index]!));
    // Strangers alone cause one answer per Delta at most, and of each one four, then one per 10 Delta (R9).
    expect(Math.max(...answers)).toBeLessThanOrEqual(30 / 1.5 + tolerance(trial.sim.ringCount));
    expect(Math.max(...answers)).toBeGreaterThan(trial.liars.length);
    expect(trial.count("suspected")).toBeGreaterThan(0);
    expectSafe(trial);
  });
});

describe("an accusation that nobody has to believe", () => {
  it("by a stranger never stands; the one that it names answers within the stranger's budget", () => {
    const trial = new Trial({ members: 40, byzantine: 2, liars: ["stranger-accuser"], seed: 7 });
    const epochs = trial.correct.map(({ machine }) => machine.epoch);
    trial.seconds(4);
    expect(trial.refusals("accusation: not-near")).toBeGreaterThan(100);
    expect(trial.count("suspected")).toBe(0);
    const answers = trial.correct.map(({ machine }, index) => Number(machine.epoch - epochs[index]!));
    expect(Math.max(...answers)).toBeLessThanOrEqual(Math.ceil(4 / 1.5) + 1);
    expectSafe(trial);
  });

  it.each([
    ["epoch-accuser", ["epoch-differs"]],
    ["ring-accuser", ["ring-range", "self-accusation"]],
  ])("by an %s is refused before its signature is looked at, and no epoch rises", (name, reasons) => {
    const trial = new Trial({ liars: [name], seed: 8 });
    const epochs = trial.correct.map(({ machine }) => machine.epoch);
    trial.seconds(5);
    for (const reason of reasons) expect(trial.refusals(`accusation: ${reason}`)).toBeGreaterThan(100);
    expect(trial.checked("accusation")).toBe(0);
    expect(trial.correct.map(({ machine }) => machine.epoch)).toEqual(epochs);
    expect(trial.sim.isEqual()).toBe(true);
    expectSafe(trial);
  });

  it("on a ring that was disabled is refused before its signature is looked at", () => {
    const trial = new Trial({ liars: ["false-accuser"], seed: 9 }).seconds(12);
    trial.sim.run(0);
    const checked = trial.checked("accusation");
    for (const liar of trial.liars) trial.sim.corrupt(liar, [new RingAccuser()]);
    trial.seconds(5);
    expect(trial.refusals("accusation: ring-disabled")).toBeGreaterThan(100);
    expect(trial.checked("accusation")).toBe(checked);
    expectSafe(trial);
  });
});
