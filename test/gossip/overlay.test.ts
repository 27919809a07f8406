import { describe, expect, it } from "vitest";
import { Overlay } from "../support/gossip/overlay.js";

describe("a small overlay on a virtual clock", () => {
  it("grows until every member knows every other", () => {
    const overlay = new Overlay();
    const seats = overlay.grow(5);
    overlay.run(5000);
    expect(seats.every((seat) => overlay.told(seat, "ready").length === 1)).toBe(true);
    const roots = new Set(seats.map((seat) => Buffer.from(seat.machine.fingerprint()).toString("hex")));
    expect(roots.size).toBe(1);
    expect(seats.flatMap((seat) => overlay.told(seat, "suspected"))).toEqual([]);
  });

  it("finds a crashed member and removes it from all views", () => {
    const overlay = new Overlay();
    const seats = overlay.grow(10);
    overlay.run(5000);
    const [, victim] = seats;
    if (victim) victim.down = true;
    const took = overlay.runUntil(() => overlay.isWhole());
    expect(took).toBeLessThan(15000);
    expect(overlay.up().every((seat) => overlay.told(seat, "failed").length === 1)).toBe(true);
  });

  it("keeps a member that stood still for two seconds", () => {
    const overlay = new Overlay();
    const seats = overlay.grow(10);
    overlay.run(5000);
    const victim = seats[3]!;
    victim.paused = true;
    overlay.run(2000);
    overlay.resume(victim);
    overlay.run(20000);
    expect(seats.flatMap((seat) => overlay.told(seat, "failed"))).toEqual([]);
    expect(overlay.isWhole()).toBe(true);
  });

  it("heals a partition", () => {
    const overlay = new Overlay();
    const seats = overlay.grow(10);
    overlay.run(5000);
    const left = new Set(seats.slice(0, 5));
    overlay.passes = (from, to) => left.has(from) === left.has(to);
    overlay.run(60000);
    expect(seats.map((seat) => seat.machine.members().length)).toEqual(Array(10).fill(4));
    overlay.passes = () => true;
    const took = overlay.runUntil(() => overlay.isWhole());
    expect(took).toBeLessThan(30000);
  });

  it("restarts a member under the same id", () => {
    const overlay = new Overlay();
    const seats = overlay.grow(6);
    overlay.run(3000);
    seats[2]!.down = true;
    overlay.run(20000);
    overlay.start("m2", ["m0"]);
    const took = overlay.runUntil(() => overlay.isWhole());
    expect(took).toBeLessThan(3000);
  });

  it("lets a member leave at once", () => {
    const overlay = new Overlay();
    const seats = overlay.grow(6);
    overlay.run(3000);
    const leaver = seats[2]!;
    overlay.input(leaver, () => leaver.machine.leave(overlay.now));
    overlay.runUntil(() => overlay.told(leaver, "departed").length === 1);
    leaver.down = true;
    expect(overlay.runUntil(() => overlay.isWhole())).toBeLessThan(1000);
    expect(overlay.up().every((seat) => overlay.told(seat, "left").length === 1)).toBe(true);
    expect(overlay.up().flatMap((seat) => overlay.told(seat, "failed"))).toEqual([]);
  });
});
