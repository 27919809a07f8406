/** Which of several sessions is the best: a table, and what holds of any of them. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Path } from "../../net/index.js";
import { isOver, type Use } from "../../net/links/held.js";
import { bestOf, type Ranked, rankOf, takesOver } from "../../net/links/ranking.js";
import type { MemberId } from "../../rings/index.js";

const address = { scheme: "tcp", host: "203.0.113.1", port: 1 };
const [R, S] = ["a", "b"].map((digit) => digit.repeat(64) as MemberId) as [MemberId, MemberId];

const paths = {
  direct: { kind: "direct", direction: "dialled", address },
  reversed: { kind: "reversed", direction: "accepted", address },
  punched: { kind: "punched", direction: "dialled", address },
  relayed: { kind: "relayed", direction: "dialled", address, via: [R] },
  relayedToMe: { kind: "relayed", direction: "accepted", address, via: [R] },
  conduit: { kind: "relayed", direction: "dialled", address, via: [R], isConduit: true },
  byTwo: { kind: "relayed", direction: "dialled", address, via: [R, S] },
} as const satisfies Record<string, Path>;
type Name = keyof typeof paths;

const ranked = (name: Name, since: number, roundTripMs?: number): Ranked => ({
  path: paths[name],
  since,
  roundTripMs,
});

describe("a rank", () => {
  it.each([
    ["direct", 0],
    ["reversed", 0],
    ["punched", 1],
    ["conduit", 2],
    ["relayed", 3],
    ["byTwo", 4],
  ] as const)("of a %s path is %i", (name, rank) => {
    expect(rankOf(paths[name])).toBe(rank);
  });
});

describe("a newer session", () => {
  it.each<[string, Name, Name, boolean]>([
    ["takes over from a relayed one", "punched", "relayed", true],
    ["takes over from a punched one", "reversed", "punched", true],
    ["takes over from one that a session carries", "conduit", "relayed", true],
    ["of a relayed path does not take over from a conduit", "relayed", "conduit", false],
    ["takes over from one through two members", "relayed", "byTwo", true],
    ["of a worse path does not", "relayed", "direct", false],
    ["takes over from an old one of its kind: that was of no use to whoever dialled", "reversed", "direct", true],
  ])("%s", (_, newer, older, does) => {
    for (const dialsFirst of [true, false])
      expect(takesOver(ranked(newer, 10_000), ranked(older, 0), dialsFirst)).toBe(does);
  });

  it("that crossed with the older one takes over at both ends, or at neither", () => {
    for (const since of [1, 2_999]) {
      const mine = { older: ranked("direct", 0), newer: ranked("reversed", since) };
      const theirs = { older: ranked("reversed", 0), newer: ranked("direct", since) };
      for (const dialsFirst of [true, false])
        expect(takesOver(mine.newer, mine.older, dialsFirst)).toBe(takesOver(theirs.newer, theirs.older, !dialsFirst));
    }
  });

  it.each([
    ["has no shorter round trip to show", undefined, 100, true],
    ["is slower by little", 110, 100, true],
    ["is much slower", 210, 100, false],
    ["is slower by a factor of nothing", 9, 1, true],
  ])("of the same kind that %s: %j ms after %j", (_, newer, older, does) => {
    expect(takesOver(ranked("relayed", 9_000, newer), ranked("relayed", 0, older), true)).toBe(does);
  });
});

describe("the best of any sessions", () => {
  const session = fc.record({
    name: fc.constantFrom(...(Object.keys(paths) as Name[])),
    since: fc.nat(20_000),
    roundTripMs: fc.option(fc.nat(500), { nil: undefined }),
  });

  it("has the best rank of them, and is the same at both ends when all came up at different times", () => {
    fc.assert(
      fc.property(fc.uniqueArray(session, { minLength: 1, maxLength: 8, selector: ({ since }) => since }), (drawn) => {
        const sessions = drawn
          .map(({ name, since, roundTripMs }) => ranked(name, since, roundTripMs))
          .sort((a, b) => a.since - b.since);
        const best = bestOf(sessions, true)!;
        expect(rankOf(best.path)).toBe(Math.min(...sessions.map(({ path }) => rankOf(path))));
        const there = sessions.map((each) => ({ ...each, path: fromThere(each.path) }));
        expect(bestOf(there, false)!.since).toBe(best.since);
      }),
    );
  });
});

/** The same path as the other end sees it. */
function fromThere(path: Path): Path {
  const direction = path.direction === "dialled" ? "accepted" : "dialled";
  const kind = path.kind === "direct" ? "reversed" : path.kind === "reversed" ? "direct" : path.kind;
  return { ...path, kind, direction };
}

describe("a session of mine", () => {
  const HOUR_MS = 3_600_000;
  const use: Use = { isBest: true, isRelayed: false, active: 0, quietMs: 0, isHeld: false, idleMs: HOUR_MS };
  it.each<[string, Partial<Use>, boolean]>([
    ["that is used stays", {}, false],
    ["that is idle goes", { quietMs: HOUR_MS + 1 }, true],
    ["that is idle stays while something must not be cut", { quietMs: HOUR_MS + 1, isHeld: true }, false],
    ["that is idle stays when links are held open", { quietMs: 9 * HOUR_MS, idleMs: 0 }, false],
    ["that is relayed and idle goes sooner", { quietMs: 5 * 60_000 + 1, isRelayed: true }, true],
    ["that is relayed and idle goes no later than others", { quietMs: 1_001, isRelayed: true, idleMs: 1_000 }, true],
    ["that is relayed stays when links are held open", { quietMs: HOUR_MS, isRelayed: true, idleMs: 0 }, false],
    ["that was replaced stays while something is open on it", { isBest: false, active: 1, quietMs: HOUR_MS }, false],
    ["that was replaced stays a moment: the other end may not know", { isBest: false, quietMs: 10_000 }, false],
    ["that was replaced goes then, whatever is held", { isBest: false, quietMs: 10_001, isHeld: true }, true],
    ["that was replaced goes also when links are held open", { isBest: false, quietMs: 10_001, idleMs: 0 }, true],
    ["that is relayed and was replaced goes sooner", { isBest: false, isRelayed: true, quietMs: 3_001 }, true],
  ])("%s", (_, more, isToGo) => {
    expect(isOver({ ...use, ...more })).toBe(isToGo);
  });
});
