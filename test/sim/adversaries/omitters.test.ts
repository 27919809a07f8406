/** Liars that leave out: answers, victims, newcomers, the dead. */
import { describe, expect, it, vi } from "vitest";
import { Trial } from "../../support/sim/trial.js";

vi.setConfig({ testTimeout: 120_000 });

function expectSafe(trial: Trial): void {
  expect(trial.losses).toEqual([]);
  expect(trial.errors).toEqual([]);
  expect(trial.isWhole).toBe(true);
}

/** Does every correct view show this of the first correct member? */
function isKnown(trial: Trial, byte: number): boolean {
  const [subject] = trial.correct;
  return trial.correct.every((seat) => seat === subject || seat.machine.member(subject!.id)?.metadata[0] === byte);
}

describe("a third of the members", () => {
  it.each(["mute", "censor", "rebuttal-dropper", "slow"])("that are %s keep no news from the others", (name) => {
    const trial = new Trial({ members: 24, byzantine: 7, rings: 31, liars: [name] }).seconds(3);
    trial.sim.describe(trial.correct[0]!, Uint8Array.of(7));
    // Fourteen rounds are the bound of section 5; pushes take one.
    const took = trial.sim.runUntil(() => isKnown(trial, 7), 14 * trial.sim.settings.gossipMs, 50);
    expect(took).toBeLessThan(2 * trial.sim.settings.deltaMs);
    trial.seconds(10);
    expectSafe(trial);
  });

  it.each(["censor", "rebuttal-dropper", "mute"])("that accuse and are %s do not keep the answers back", (name) => {
    const trial = new Trial({ members: 16, byzantine: 4, rings: 25, liars: ["false-accuser", name], seed: 3 });
    expect(trial.exposed).toEqual([]);
    trial.seconds(8);
    expect(trial.count("suspected")).toBeGreaterThan(trial.correct.length);
    expectSafe(trial);
  });

  it("that are mute stay members: they answer pings, and silence to calls alone accuses nobody", () => {
    const trial = new Trial({ liars: ["mute"] }).seconds(20);
    for (const liar of trial.liars) expect(trial.holders(liar)).toBe(trial.correct.length);
    expectSafe(trial);
  });

  it("that are silent are out of all correct views soon", () => {
    const trial = new Trial({ liars: ["silent"], seed: 2 });
    const took = trial.sim.runUntil(() => trial.liars.every((liar) => trial.holders(liar) === 0), 30_000);
    expect(took).toBeLessThan(20_000);
    expectSafe(trial);
  });

  it("that flap come and go, and take nobody with them", () => {
    const trial = new Trial({ members: 16, byzantine: 3, liars: ["flapper"], seed: 3 }).seconds(40);
    expect(trial.count("failed")).toBeGreaterThan(trial.correct.length);
    expectSafe(trial);
  });
});

describe("a newcomer", () => {
  it("among liars who show it their fellows only finds everybody, and everybody finds it", () => {
    const trial = new Trial({ members: 24, byzantine: 7, rings: 31, liars: ["eclipser"] }).seconds(2);
    const newcomer = trial.sim.join();
    expect(trial.sim.runUntil(() => trial.isWhole && trial.correct.includes(newcomer), 60_000)).toBeLessThan(30_000);
    expectSafe(trial);
  });
});

describe("a member that has crashed", () => {
  it.each(["keeper", "displacer", "last-epoch", "censor", "mute"])("is not kept in by a %s", (name) => {
    const trial = new Trial({ members: 18, byzantine: 4, rings: 19, liars: [name], seed: 4 }).seconds(3);
    const [dead] = trial.correct;
    trial.sim.crash(dead!);
    const took = trial.sim.runUntil(() => trial.holders(dead!) === 0, 60_000);
    expect(took).toBeLessThan(20_000);
    trial.seconds(10);
    expect(trial.holders(dead!)).toBe(0);
    expectSafe(trial);
  });
});
