/** Liars that say too much: what it costs a correct member to hear it, and that it hears the others all the same. */
import { describe, expect, it, vi } from "vitest";
import { Trial } from "../../support/sim/trial.js";

vi.setConfig({ testTimeout: 120_000 });

const SECONDS = 6;

function expectSafe(trial: Trial): void {
  expect(trial.losses).toEqual([]);
  expect(trial.errors).toEqual([]);
  expect(trial.isWhole).toBe(true);
}

describe("a flood", () => {
  it("of packets is cut at the budget of its sender", () => {
    const trial = new Trial({ members: 12, byzantine: 2, liars: ["packet-flooder"] }).seconds(SECONDS);
    expect(trial.refusals("packet: busy")).toBeGreaterThan(500);
    expect(trial.refusals("packet: packet-too-large")).toBeGreaterThan(0);
    expectSafe(trial);
  });

  it("of notes costs the others no more checks than the budget of its author", () => {
    const trial = new Trial({ members: 12, byzantine: 2, liars: ["note-flooder"] }).seconds(SECONDS);
    expect(trial.refusals("note: note-budget")).toBeGreaterThan(200);
    // Per subject t + 2 at once and one a second, and eight a second that wait (R11); for each correct member.
    const most = trial.liars.length * trial.correct.length * (4 + 9 * (SECONDS + 1));
    expect(trial.checked("note")).toBeLessThan(most);
    expectSafe(trial);
  });

  it("of accusations that do not stand removes nobody", () => {
    const trial = new Trial({ members: 14, byzantine: 1, liars: ["accusation-flooder"] }).seconds(SECONDS);
    expect(trial.refusals("accusation: not-near") + trial.refusals("accusation: duplicate")).toBeGreaterThan(300);
    expectSafe(trial);
  });

  it("of certificates is held, and members are found as before", () => {
    const trial = new Trial({ members: 12, byzantine: 2, liars: ["certificate-flooder"] }).seconds(4);
    expect(trial.checked("certificate")).toBeGreaterThan(100);
    trial.sim.describe(trial.correct[0]!, Uint8Array.of(7));
    trial.seconds(3);
    expect(trial.correct[1]!.machine.member(trial.correct[0]!.id)?.metadata).toEqual(Uint8Array.of(7));
    expectSafe(trial);
  });
});

describe("lies about views", () => {
  it.each(["fingerprint-liar", "hog"])("by a %s cause calls, and leave room for those that matter", (name) => {
    const quiet = new Trial({ members: 16, byzantine: 4, rings: 19, liars: [] }).seconds(10);
    const trial = new Trial({ members: 16, byzantine: 4, rings: 19, liars: [name, "false-accuser"] }).seconds(10);
    const calls = ({ sim, correct }: Trial) => correct.reduce((sum, seat) => sum + sim.traffic(seat).call, 0);
    expect(calls(trial)).toBeGreaterThan(2 * calls(quiet));
    expect(trial.count("suspected")).toBeGreaterThan(trial.correct.length);
    expectSafe(trial);
  });
});
