/** What the dashboard makes of what the reader asks for: instants, searches, filters, addresses; and what is tolerated. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { hashOf, PAGES, routeOf } from "../../dashboard/app/routes.js";
import { bytes, clock, instant, nameOr, plain, position, span } from "../../dashboard/dom/words.js";
import { ALL_EVENTS, compare, filterEvents, findMembers } from "../../dashboard/world/find.js";
import { advanced, type Playhead, sought, stepped, toggled } from "../../dashboard/world/playhead.js";
import { toleranceOf } from "../../dashboard/world/tolerance.js";
import { worldOf } from "../../dashboard/world/world.js";
import { ringsNeeded, tolerated } from "../../rings/plan.js";
import { event, snapshotOf } from "../support/dashboard/told.js";

const LIVE = { start: 100, end: 900, isLive: true };
const RECORDING = { start: 100, end: 900, isLive: false };

describe("the playhead", () => {
  it("plays on at its speed, and stops at a recording's end, or follows the present from there", () => {
    const playing: Playhead = { mode: "playing", at: 500, speed: 2 };
    expect(advanced(playing, 100, LIVE)).toEqual({ mode: "playing", at: 700, speed: 2 });
    expect(advanced(playing, 200, LIVE)).toEqual({ mode: "live" });
    expect(advanced(playing, 500, RECORDING)).toEqual({ mode: "paused", at: 900 });
    expect(advanced({ mode: "paused", at: 500 }, 500, LIVE)).toEqual({ mode: "paused", at: 500 });
  });

  it("pauses where it is, and begins anew after a recording's end", () => {
    expect(toggled({ mode: "live" }, 880, 1, LIVE)).toEqual({ mode: "paused", at: 880 });
    expect(toggled({ mode: "playing", at: 300, speed: 5 }, 300, 5, LIVE)).toEqual({ mode: "paused", at: 300 });
    expect(toggled({ mode: "paused", at: 300 }, 300, 5, LIVE)).toEqual({ mode: "playing", at: 300, speed: 5 });
    expect(toggled({ mode: "paused", at: 900 }, 900, 1, RECORDING)).toEqual({ mode: "playing", at: 100, speed: 1 });
  });

  it("goes to no instant outside of what is held", () => {
    expect(sought({ mode: "live" }, 50, LIVE)).toEqual({ mode: "paused", at: 100 });
    expect(sought({ mode: "paused", at: 200 }, 950, LIVE)).toEqual({ mode: "live" });
    expect(sought({ mode: "playing", at: 200, speed: 2 }, 950, RECORDING)).toEqual({
      mode: "playing",
      at: 900,
      speed: 2,
    });
  });

  it("steps from event to event", () => {
    expect([stepped(20, 1, [10, 20, 30]), stepped(20, -1, [10, 20, 30]), stepped(30, 1, [10, 30])]).toEqual([
      30, 10, 30,
    ]);
  });
});

describe("search", () => {
  const world = worldOf(
    snapshotOf(
      { ab: [1] },
      {
        members: [
          { id: "ffee", name: "web-10" },
          { id: "0001", name: "web-9", services: ["shop"] },
          { id: "0002", name: "web-2", state: "failed" },
          { id: "0003", name: "api-web", metadata: '{"zone":"eu"}' },
        ],
      },
    ),
  );
  const found = (words: string) => findMembers(world, words, 10).map(({ record }) => record.name);

  it("has the best first: those that begin so, by number; then those that contain it; those who are gone behind their like", () => {
    expect(found("web")).toEqual(["web-9", "web-10", "web-2", "api-web"]);
    expect(found("WEB-9")).toEqual(["web-9"]);
  });

  it("finds ids, services and metadata, all for no words, and nobody for others", () => {
    expect([found("ffe"), found("shop"), found("zone"), found("nobody")]).toEqual([
      ["web-10"],
      ["web-9"],
      ["api-web"],
      [],
    ]);
    expect(found(" ").length).toBe(4);
  });

  it("orders by numbers within names, and any names one way round", () => {
    expect(["m10", "m9", "a", "m", "m9b"].sort(compare)).toEqual(["a", "m", "m9", "m9b", "m10"]);
    fc.assert(
      fc.property(
        fc.string(),
        fc.string(),
        (a, b) => Math.sign(compare(a, b)) === -Math.sign(compare(b, a)) || compare(a, b) === 0,
      ),
    );
  });
});

describe("filters of events", () => {
  const events = [
    event(1, "joined", "b"),
    event(2, "accused", "b", { by: "a", ring: 2, reason: "no answer" }),
    { event: "alarm", at: 3, kind: "rollback", message: "an old state", member: "", sequence: 3 } as const,
    event(4, "rebutted", "b", { ring: 2 }),
  ];
  const nameOf = (id: string) => (id === "b" ? "Bob" : id);
  const at = (filter: Partial<typeof ALL_EVENTS>, seen = 4) =>
    filterEvents(events, seen, { ...ALL_EVENTS, ...filter }, nameOf, 3).map((each) => each.at);

  it.each([
    [{}, [4, 3, 2]],
    [{ kinds: new Set(["joined" as const, "alarm" as const]) }, [3, 1]],
    [{ ring: 2 }, [4, 2]],
    [{ words: "bob" }, [4, 2, 1]],
    [{ words: "NO ANSWER" }, [2]],
    [{ words: "old state" }, [3]],
    [{ words: "bob", ring: 3 }, []],
  ])("%j", (filter, expected) => {
    expect(at(filter)).toEqual(expected);
  });

  it("say nothing of what has not happened yet at the instant that is shown", () => {
    expect(at({}, 2)).toEqual([2, 1]);
  });
});

describe("addresses", () => {
  it("lead to their page and back, and unknown ones to the rings", () => {
    for (const page of PAGES) expect(routeOf(hashOf({ page }))).toEqual({ page });
    expect(routeOf(hashOf({ page: "member", id: "a/b%" }))).toEqual({ page: "member", id: "a/b%" });
    expect([routeOf(""), routeOf("#/nowhere"), routeOf("#/member/")].map(({ page }) => page)).toEqual([
      "rings",
      "rings",
      "rings",
    ]);
  });
});

describe("what is tolerated", () => {
  it("is what `fireflies plan` says", () => {
    const network = fc.record({ members: fc.integer({ min: 2, max: 3_000 }), t: fc.integer({ min: 1, max: 20 }) });
    fc.assert(
      fc.property(network, fc.constantFrom(0.05, 0.1, 0.2), ({ members, t }, byzantineShare) => {
        const rings = 2 * t + 1;
        const found = toleranceOf(members, rings, { membersMax: members, byzantineShare });
        const planned = tolerated({ members, rings });
        expect(found).toMatchObject({ t, liars: planned.byzantineMembers });
        expect(found.share).toBeCloseTo(planned.byzantine, 6);
        expect(found.ringsNeeded).toBe(neededBy(members, byzantineShare));
      }),
    );
  });

  function neededBy(members: number, byzantine: number): number | undefined {
    try {
      return ringsNeeded({ members, byzantine }).rings;
    } catch {
      return undefined;
    }
  }

  it.each([
    [100, 25, undefined, "unplanned"],
    [100, 35, { membersMax: 200, byzantineShare: 0.2 }, "good"],
    [185, 35, { membersMax: 200, byzantineShare: 0.2 }, "nearly-full"],
    [201, 35, { membersMax: 200, byzantineShare: 0.2 }, "nearly-full"],
    [300, 31, { membersMax: 200, byzantineShare: 0.2 }, "too-few-rings"],
    [5, 9, { membersMax: 4, byzantineShare: 0.1 }, "too-few-rings"],
    [200, 9, { membersMax: 1_000, byzantineShare: 0.2 }, "too-few-rings"],
    [5, 21, { membersMax: 200, byzantineShare: 0.1 }, "growing"],
    [60, 21, { membersMax: 200, byzantineShare: 0.1 }, "good"],
  ])("%i members on %i rings, planned %j: %s", (members, rings, planned, verdict) => {
    expect(toleranceOf(members, rings, planned).verdict).toBe(verdict);
  });
});

describe("words", () => {
  it("of peers cannot hide or turn anything", () => {
    expect(plain("a\u202Eb\u0000\u200Bc\nd")).toBe("a\u{fffd}b\u{fffd}\u{fffd}c\u{fffd}d");
    expect(nameOr("", "0123456789")).toBe("01234567");
  });

  it("of figures and spans", () => {
    expect([bytes(12), bytes(12_345), bytes(2e9)]).toEqual(["12 B", "12.3 kB", "2 GB"]);
    expect([span(999), span(61_000), span(90_000_000)]).toEqual(["999 ms", "1 min", "1 d"]);
    expect([clock(65_000), instant(65_000)]).toEqual(["1:05", "1:05 after the start"]);
    expect([position(-724_000), position(3_723_000)]).toEqual(["−12:04", "1:02:03"]);
  });
});
