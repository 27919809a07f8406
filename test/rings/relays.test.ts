import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { RELAYS_MAX, RELAYS_MIN, relayCount, relayPositions, relaysOf, tolerated } from "../../rings/index.js";
import { idOf, sameForAll, sha256 } from "./model.js";

describe("R21: how many relays", () => {
  test.each([
    { members: 1, rings: 3, relays: 0, count: 0, why: "nobody relays" },
    { members: 3, rings: 3, relays: 2, count: 2, why: "all there are" },
    { members: 10, rings: 3, relays: 9, count: 3, why: "three rings of ten bear no liar: the least" },
    { members: 100, rings: 13, relays: 99, count: 5, why: "a tenth lies: ln 1e-4 / ln .1 is four, of 99 others five" },
    { members: 100, rings: 13, relays: 50, count: 6, why: "the liars are a fifth of those who relay" },
    { members: 100, rings: 31, relays: 99, count: 6, why: "a fifth lies" },
    { members: 100, rings: 31, relays: 60, count: 9, why: "a third of those who relay" },
    { members: 100, rings: 31, relays: 20, count: 20, why: "all relays may be liars: all of them" },
    {
      members: 100,
      rings: 31,
      relays: 22,
      count: 20,
      why: "nearly all relays may be liars: as many as fit into a note",
    },
    { members: 10_000, rings: 51, relays: 9_999, count: 9, why: "a fifth of ten thousand" },
    { members: 10_000, rings: 51, relays: 5_000, count: 16, why: "half of them behind NATs" },
  ])("$members members, $rings rings, $relays relays: $count, $why", ({ count, ...need }) => {
    expect(relayCount(need)).toBe(count);
  });

  test("the risk that any member is cut off is kept, with no relay more than that needs", () => {
    const sizes = fc.record({
      members: fc.integer({ min: 2, max: 3_000 }),
      rings: fc.integer({ min: 1, max: 61 }),
      capable: fc.double({ min: 0, max: 1, noNaN: true }),
      risk: fc.constantFrom(0.1, 0.01, 0.001),
    });
    fc.assert(
      fc.property(sizes, ({ members, rings, capable, risk }) => {
        const relays = Math.round(capable * (members - 1));
        const count = relayCount({ members, rings, relays, risk });
        const share = relays > 0 ? (members * tolerated({ members, rings, risk }).byzantine) / relays : 0;
        expect(count).toBeLessThanOrEqual(relays);
        expect(count).toBeGreaterThanOrEqual(Math.min(RELAYS_MIN, relays));
        if (count < Math.min(relays, RELAYS_MAX))
          expect(members * share ** count).toBeLessThanOrEqual(risk * (1 + 1e-6));
        if (count > RELAYS_MIN) expect(members * share ** (count - 1)).toBeGreaterThan(risk * (1 - 1e-6));
      }),
    );
  });

  test("refuses what is no network", () => {
    expect(() => relayCount({ members: 10, rings: 0, relays: 5 })).toThrow(RangeError);
    expect(() => relayCount({ members: 10, rings: 3, relays: 5, risk: 1 })).toThrow(RangeError);
  });
});

describe("R21: which relays", () => {
  const positionOf = relayPositions(sha256);

  /** The same by sorting big integers. */
  function model(id: number, candidates: readonly number[], count: number): string[] {
    const at = (number: number) => BigInt(`0x${Buffer.from(positionOf(idOf(number))).toString("hex")}`);
    const around = (number: number) => (at(number) - at(id) + (1n << 256n)) % (1n << 256n);
    const others = candidates.filter((number) => number !== id);
    return others
      .sort((a, b) => (around(a) < around(b) ? -1 : 1))
      .slice(0, count)
      .map(idOf);
  }

  test("the first clockwise from the member's own position, whatever the order of the candidates", () => {
    const numbers = fc.uniqueArray(fc.integer({ min: 0, max: 500 }), { maxLength: 60 });
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 500 }), numbers, fc.nat(12), (id, candidates, count) => {
        expect(relaysOf(idOf(id), candidates.map(idOf), count, positionOf)).toEqual(model(id, candidates, count));
      }),
    );
  });

  test("a relay that goes makes room for the next one, and moves no other", () => {
    const candidates = Array.from({ length: 40 }, (_, number) => idOf(number + 1));
    const before = relaysOf(idOf(0), candidates, 5, positionOf);
    const after = relaysOf(
      idOf(0),
      candidates.filter((id) => id !== before[1]),
      5,
      positionOf,
    );
    expect(after.slice(0, 4)).toEqual([before[0], ...before.slice(2)]);
    expect(before).not.toContain(after[4]);
  });

  test("should all stand at one place, everybody still computes the same", () => {
    const same = relayPositions(sameForAll);
    const ids = [1, 2, 3, 4].map(idOf);
    expect(relaysOf(idOf(0), ids, 3, same)).toEqual(relaysOf(idOf(0), ids.toReversed(), 3, same));
  });

  test("members share the work evenly", () => {
    const relays = Array.from({ length: 20 }, (_, number) => idOf(number));
    const load = new Map<string, number>();
    for (let member = 100; member < 2_100; member++) {
      for (const id of relaysOf(idOf(member), relays, 3, positionOf)) load.set(id, (load.get(id) ?? 0) + 1);
    }
    // Gaps between twenty points of a circle are uneven; three in a row are less so.
    expect(load.size).toBe(20);
    expect(Math.max(...load.values())).toBeLessThan(0.15 * 3 * 2_000);
  });
});
