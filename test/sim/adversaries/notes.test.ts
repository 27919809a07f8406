/** Liars and their own notes: masks, epochs, contradictions, addresses. */
import { describe, expect, it, vi } from "vitest";
import type { Peer } from "../../../gossip/index.js";
import { Trial } from "../../support/sim/trial.js";

vi.setConfig({ testTimeout: 120_000 });

function expectSafe(trial: Trial): void {
  expect(trial.losses).toEqual([]);
  expect(trial.errors).toEqual([]);
  expect(trial.isWhole).toBe(true);
}

const isAt = ({ addresses }: Peer, name: string) => addresses.every(({ text }) => text === `${name}:1`);

describe("a note", () => {
  it("with an impossible mask or epoch is refused before its signature is looked at", () => {
    const trial = new Trial({ liars: ["mask-abuser"] }).seconds(5);
    for (const reason of ["mask-length", "mask-too-many-disabled", "mask-beyond-rings", "epoch-range"]) {
      expect(trial.refusals(`note: ${reason}`)).toBeGreaterThan(10);
    }
    expect(trial.checked("note")).toBe(0);
    expect(trial.sim.isEqual()).toBe(true);
    expectSafe(trial);
  });

  it("with the last epoch is held once, and its owner stays a member until it is silent", () => {
    const trial = new Trial({ liars: ["last-epoch"], seed: 2 }).seconds(4);
    const [liar] = trial.liars;
    expect(trial.correct.every(({ machine }) => machine.member(liar!.id)?.epoch === 2n ** 63n - 1n)).toBe(true);
    expect(trial.refusals("note: duplicate")).toBeGreaterThan(100);
    trial.sim.crash(liar!);
    trial.seconds(20);
    expect(trial.holders(liar!)).toBe(0);
    expectSafe(trial);
  });

  it("that contradicts another one ends its author in every correct view within 2 Delta", () => {
    const trial = new Trial({ liars: ["equivocator"], seed: 3 });
    const [liar] = trial.liars;
    expect(trial.sim.runUntil(() => trial.holders(liar!) < trial.correct.length, 20_000, 10)).toBeDefined();
    const took = trial.sim.runUntil(() => trial.holders(liar!) === 0, 10_000, 10);
    expect(took).toBeLessThan(2 * trial.sim.settings.deltaMs);
    trial.seconds(15);
    const ends = trial.outputs.filter((output) => output.kind === "failed");
    expect(ends.length).toBe(trial.liars.length * trial.correct.length);
    expect(ends.every((output) => output.kind === "failed" && output.reason === "equivocated")).toBe(true);
    expect(trial.sim.isEqual()).toBe(true);
    expectSafe(trial);
  });

  it("that points at somebody else's address harms neither that one nor anybody who calls there", () => {
    const trial = new Trial({ liars: ["address-liar"], seed: 4 });
    const isElsewhere = ({ id, name }: { id: string; name: string }) =>
      trial.correct.some(({ machine }) => machine.members().some((peer) => peer.id === id && !isAt(peer, name)));
    const pointing = trial.sim.runUntil(() => trial.liars.some(isElsewhere), 5000, 20);
    expect(pointing).toBeDefined();
    trial.seconds(15);
    expectSafe(trial);
  });
});

describe("old and altered statements", () => {
  it("change nothing: what is held is not looked at again, what is altered is not admitted", () => {
    const trial = new Trial({ liars: ["replayer"], seed: 5 });
    const before = trial.correct[0]!.machine.fingerprint();
    trial.seconds(6);
    expect(trial.refusals("note: duplicate")).toBeGreaterThan(100);
    expect(trial.refusals("certificate: duplicate")).toBeGreaterThan(100);
    expect(trial.refusals("note: signature")).toBeGreaterThan(10);
    expect(trial.refusals("statement: malformed")).toBeGreaterThan(10);
    for (const { machine } of trial.correct) expect(machine.fingerprint()).toEqual(before);
    expectSafe(trial);
  });
});
