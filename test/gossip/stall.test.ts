import { describe, expect, it } from "vitest";
import { Overlay, type Seat } from "../support/gossip/overlay.js";

describe("a member whose own loop stood still", () => {
  it("asks around when it wakes, and so answers what was said against it meanwhile", () => {
    const overlay = new Overlay({ settings: { gossipMs: 20_000, monitorMs: 1000 } });
    const seats = overlay.grow(6);
    overlay.run(60_000);
    const stalled = seats[2]!;
    stalled.paused = true;
    overlay.runUntil(() => seats.every((seat) => seat === stalled || overlay.told(seat, "suspected").length > 0));
    const waiting = stalled.inbox.splice(0); // What was sent to it was lost with the callers' patience.
    expect(waiting.length).toBeGreaterThan(0);
    overlay.resume(stalled);
    const rebutted = () => seats.every((seat) => seat === stalled || overlay.told(seat, "rebutted").length > 0);
    expect(overlay.runUntil(rebutted)).toBeLessThan(500);
  });

  it("postpones removals by its stall once, however many inputs were waiting", () => {
    const overlay = new Overlay();
    const seats = overlay.grow(6);
    overlay.run(5000);
    const [observer, victim] = seats as [Seat, Seat];
    victim.down = true;
    overlay.runUntil(() => overlay.told(observer, "suspected").length > 0);
    observer.paused = true;
    overlay.run(5000);
    const ping = () => observer.machine.pinged(seats[3]!.id, new Uint8Array(16), overlay.now);
    for (let count = 0; count < 50; count++) overlay.input(observer, ping);
    overlay.resume(observer);
    const { removalMs, deltaMs } = overlay.settings;
    expect(overlay.told(observer, "failed")).toEqual([]);
    const took = overlay.runUntil(() => overlay.told(observer, "failed").length > 0);
    expect(took).toBeLessThanOrEqual(removalMs + deltaMs / 8);
  });

  it("removes the dead though its loop is late by more than half of all time", () => {
    // Something is always due: each pause is a lateness.
    const overlay = new Overlay({ settings: { gossipMs: 20, monitorMs: 20 } });
    const seats = overlay.grow(6);
    overlay.run(5000);
    const [observer, victim] = seats as [Seat, Seat];
    victim.down = true;
    overlay.runUntil(() => overlay.told(observer, "suspected").length > 0);
    const from = overlay.now;
    while (overlay.told(observer, "failed").length === 0 && overlay.now - from < 60_000) {
      observer.paused = true;
      overlay.run(60);
      overlay.resume(observer);
      overlay.run(40);
    }
    expect(overlay.now - from).toBeLessThan(4 * overlay.settings.removalMs);
  });

  it("removes nobody at the moment of waking: an answer may wait behind what woke it", () => {
    const overlay = new Overlay();
    const seats = overlay.grow(6);
    overlay.run(5000);
    const [observer, victim] = seats as [Seat, Seat];
    const { removalMs, deltaMs } = overlay.settings;
    victim.paused = true;
    overlay.runUntil(() => overlay.told(observer, "suspected").length > 0);
    // It stands still until after the removal would have been due; the victim goes on meanwhile, and answers.
    overlay.run(removalMs - deltaMs / 4);
    observer.paused = true;
    overlay.run(deltaMs / 8);
    overlay.resume(victim);
    overlay.run(5000);
    const waiting = observer.inbox.splice(0);
    observer.paused = false;
    overlay.input(observer, () => observer.machine.tick(overlay.now));
    for (const each of waiting) each();
    overlay.run(deltaMs);
    expect(overlay.told(observer, "failed")).toEqual([]);
  });
});

describe("before a removal", () => {
  it("a member asks others whether they know of an answer", () => {
    const overlay = new Overlay({ settings: { gossipMs: 20_000 } });
    const seats = overlay.grow(8);
    overlay.run(200_000);
    const [observer, victim] = seats as [Seat, Seat];
    victim.down = true;
    overlay.runUntil(() => overlay.told(observer, "suspected").length > 0);
    overlay.run(500); // The accusation has been told: what is called from now on is asked.
    const before = observer.calls;
    overlay.runUntil(() => overlay.told(observer, "failed").length > 0);
    expect(observer.calls - before).toBeGreaterThanOrEqual(4);
  });
});
