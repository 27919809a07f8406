import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { binomialTail } from "../../rings/binomial.js";
import {
  expectedExposed,
  exposureProbability,
  holdsFrom,
  memberIdFromBytes,
  RING_COUNT_MAX,
  Rings,
  ringsNeeded,
  SMALL_NETWORK_MEMBERS,
  tolerance,
  tolerated,
} from "../../rings/index.js";
import { sha256 } from "./model.js";

/** Mulberry32: a small generator, so that every run draws the same networks. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

describe("the binomial tail", () => {
  /** P[Binomial(trials, numerator/denominator) > threshold] in whole numbers, divided once at the end. */
  function exactTail(trials: number, numerator: bigint, denominator: bigint, threshold: number): number {
    let choose = 1n;
    let sum = 0n;
    for (let count = 0; count <= trials; count++) {
      if (count > threshold)
        sum += choose * numerator ** BigInt(count) * (denominator - numerator) ** BigInt(trials - count);
      choose = (choose * BigInt(trials - count)) / BigInt(count + 1);
    }
    return ratio(sum, denominator ** BigInt(trials));
  }

  /** A quotient of big integers as a double, to 17 digits however small it is. */
  function ratio(part: bigint, whole: bigint): number {
    if (part === 0n) return 0;
    const shift = Math.max(0, whole.toString(2).length - part.toString(2).length + 64);
    const scaled = Number((part << BigInt(shift)) / whole);
    const half = Math.floor(shift / 2);
    return scaled * 2 ** -half * 2 ** -(shift - half);
  }

  test("agrees with whole-number arithmetic", () => {
    const arguments_ = fc.record({
      trials: fc.integer({ min: 1, max: 200 }),
      numerator: fc.integer({ min: 0, max: 100 }),
      threshold: fc.integer({ min: -1, max: 200 }),
    });
    fc.assert(
      fc.property(arguments_, ({ trials, numerator, threshold }) => {
        const exact = exactTail(trials, BigInt(numerator), 100n, threshold);
        const tail = binomialTail(trials, numerator / 100, threshold);
        // Below 1e-308 doubles have fewer digits: each term may be off by the smallest of them.
        expect(Math.abs(tail - exact)).toBeLessThanOrEqual(1e-11 * exact + trials * Number.MIN_VALUE);
      }),
      { numRuns: 300, examples: [[{ trials: 194, numerator: 2, threshold: 189 }]] },
    );
  });

  test.each([
    [9, 1n, 4n, 4],
    [155, 3n, 10n, 77],
    [1000, 1n, 10n, 299],
    [1000, 9n, 10n, 699],
    [1000, 999n, 1000n, 499],
    [999, 499n, 1000n, 499],
  ])("Binomial(%i, %i/%i) > %i, to eleven digits", (trials, numerator, denominator, threshold) => {
    const exact = exactTail(trials, numerator, denominator, threshold);
    expect(exact).toBeGreaterThan(0);
    expect(binomialTail(trials, Number(numerator) / Number(denominator), threshold) / exact).toBeCloseTo(1, 10);
  });

  test.each([
    [5, 0.3, -1, 1],
    [5, 0.3, 5, 0],
    [5, 0, 0, 0],
    [5, 1, 4, 1],
    [5, 1, 5, 0],
    [1, 0.25, 0, 0.25],
  ])("Binomial(%i, %d) > %i is %d", (trials, probability, threshold, expected) => {
    expect(binomialTail(trials, probability, threshold)).toBeCloseTo(expected, 15);
  });
});

describe("rings needed, eps = 0.01: the check values of the protocol", () => {
  const sizes = [100, 1_000, 5_000, 10_000, 100_000];
  const table: readonly [number, readonly string[]][] = [
    [0.05, ["4/9", "5/11", "6/13", "7/15", "8/17"]],
    [0.1, ["6/13", "9/19", "10/21", "11/23", "13/27"]],
    [0.2, ["15/31", "20/41", "24/49", "25/51", "30/61"]],
    [0.3, ["39/79", "52/105", "61/123", "65/131", "77/155"]],
  ];
  const rows = table.flatMap(([byzantine, plans]) =>
    plans.map((plan, index) => ({ byzantine, members: sizes[index]!, plan })),
  );

  test("are twenty", () => expect(rows).toHaveLength(20));

  test.each(rows)("$members members, $byzantine Byzantine: $plan", ({ byzantine, members, plan }) => {
    const { t, rings } = ringsNeeded({ members, byzantine });
    expect(`${t}/${rings}`).toBe(plan);
    expect(ringsNeeded({ members, byzantine, risk: 0.01 })).toEqual({ t, rings });
    // The smallest: with one t less the share is no longer borne.
    expect(tolerated({ members, rings }).byzantine).toBeGreaterThanOrEqual(byzantine);
    expect(tolerated({ members, rings: rings - 2 }).byzantine).toBeLessThan(byzantine);
  });
});

describe("expected number of correct members out of 1,000 with more than t Byzantine predecessors", () => {
  test.each([
    [10, 0.1, 1.5, 1],
    [10, 0.2, 26, 0],
    [10, 0.3, 105, 0],
    [21, 0.1, 1e-3, 3],
    [21, 0.2, 0.78, 2],
    [21, 0.3, 18.5, 1], // 18.47, so 18 in whole members
    [41, 0.1, 3e-8, 8],
    [41, 0.2, 0.007, 3],
    [41, 0.3, 2.5, 1],
  ])("%i rings, %d Byzantine: %d", (rings, byzantine, expected, digits) => {
    const exposed = expectedExposed({ members: 1000, byzantine, rings });
    expect(Number(exposed.toFixed(digits))).toBe(expected);
    expect(exposed).toBeCloseTo(1000 * (1 - byzantine) * exposureProbability({ members: 1000, byzantine, rings }), 10);
  });
});

describe("what a ring count bears", () => {
  test("t is what a member may disable", () => {
    expect(tolerated({ members: 1000, rings: 10 }).t).toBe(4);
    expect(tolerated({ members: 1000, rings: 21 }).t).toBe(10);
  });

  test("the share is the largest: a little more needs more rings", () => {
    for (const rings of [9, 21, 41, 155]) {
      const { byzantine, byzantineMembers } = tolerated({ members: 1000, rings });
      expect(ringsNeeded({ members: 1000, byzantine }).rings).toBeLessThanOrEqual(rings);
      expect(ringsNeeded({ members: 1000, byzantine: byzantine + 1e-6 }).rings).toBeGreaterThan(rings);
      expect(byzantineMembers).toBe(Math.floor(1000 * byzantine));
    }
  });

  test("in a small network it is a number of members, and ringsNeeded agrees with it", () => {
    for (let members = 2; members < SMALL_NETWORK_MEMBERS; members++) {
      const { byzantine, byzantineMembers } = tolerated({ members, rings: 21 });
      expect(byzantine).toBe(byzantineMembers / members);
      const more = (byzantineMembers + 1) / members;
      expect(holdsFrom({ members, byzantine, rings: 21 })).toBeDefined();
      if (more < 1) expect(holdsFrom({ members, byzantine: more, rings: 21 })).toBeUndefined();
      expect(ringsNeeded({ members, byzantine }).rings).toBeLessThanOrEqual(21);
    }
  });

  test("a smaller risk takes more rings and bears less", () => {
    const strict = { members: 1000, risk: 1e-6 };
    expect(ringsNeeded({ ...strict, byzantine: 0.1 }).rings).toBeGreaterThan(19);
    expect(tolerated({ ...strict, rings: 19 }).byzantine).toBeLessThan(0.1);
  });

  test("no Byzantine member at all needs the three rings of t = 1", () => {
    expect(ringsNeeded({ members: 2, byzantine: 0 })).toEqual({ t: 1, rings: 3 });
    expect(ringsNeeded({ members: 1000, byzantine: 0 })).toEqual({ t: 1, rings: 3 });
  });
});

describe("small networks, exactly", () => {
  test("5 members, 9 rings, 1 Byzantine: about 5 % of the others have more than t slots held by it", () => {
    expect(exposureProbability({ members: 5, byzantine: 0.2, rings: 9 })).toBeCloseTo(0.0489, 4);
    expect(expectedExposed({ members: 5, byzantine: 0.2, rings: 9 })).toBeCloseTo(4 * 0.0489, 3);
    // What the formula for large networks would promise.
    expect(binomialTail(9, 0.2, 4)).toBeCloseTo(0.0196, 4);
  });

  test.each([
    [4, 5, 1],
    [4, 5, 2],
    [5, 3, 1],
    [6, 5, 2],
    [3, 9, 1],
    [7, 4, 3],
  ])("%i members, %i rings, %i Byzantine: all choices of predecessors, counted", (members, rings, byzantine) => {
    const others = members - 1;
    let exposed = 0;
    for (let choice = 0; choice < others ** rings; choice++) {
      let slots = 0;
      for (let ring = 0; ring < rings; ring++) if (Math.floor(choice / others ** ring) % others < byzantine) slots++;
      if (slots > tolerance(rings)) exposed++;
    }
    const probability = exposureProbability({ members, byzantine: byzantine / members, rings });
    expect(probability).toBeCloseTo(exposed / others ** rings, 12);
  });

  test.each([
    [5, 9, 1, 1_500],
    [10, 9, 3, 700],
    [15, 9, 5, 600],
  ])("%i members on %i real rings, %i Byzantine: networks drawn from a seed", (members, count, byzantine, networks) => {
    const random = seeded(20_260_101 + members);
    const drawId = () => memberIdFromBytes(Uint8Array.from({ length: 32 }, () => Math.floor(random() * 256)));
    let exposed = 0;
    for (let network = 0; network < networks; network++) {
      const rings = new Rings({ count, sha256 });
      const ids = Array.from({ length: members }, drawId);
      for (const id of ids) rings.add(id);
      const villains = new Set(ids.slice(0, byzantine));
      for (const victim of ids.slice(byzantine)) {
        let slots = 0;
        for (let ring = 1; ring <= count; ring++) {
          if (villains.has(rings.predecessor(ring, victim, () => false)!)) slots++;
        }
        if (slots > tolerance(count)) exposed++;
      }
    }
    const probability = exposureProbability({ members, byzantine: byzantine / members, rings: count });
    const victims = networks * (members - byzantine);
    // Five standard deviations, were the victims of one network independent; they nearly are.
    const margin = 5 * Math.sqrt((probability * (1 - probability)) / victims);
    expect(Math.abs(exposed / victims - probability)).toBeLessThan(margin);
    // The draw is sharp enough to tell the exact form from the formula for large networks.
    expect(Math.abs(binomialTail(count, byzantine / members, tolerance(count)) - probability)).toBeGreaterThan(margin);
  });

  test("a share stands for whole members, rounded up, whatever doubles make of it", () => {
    const one = exposureProbability({ members: 5, byzantine: 0.2, rings: 9 });
    expect(exposureProbability({ members: 5, byzantine: 0.01, rings: 9 })).toBe(one);
    expect(exposureProbability({ members: 5, byzantine: 0.21, rings: 9 })).toBeGreaterThan(one);
    for (let members = 2; members < SMALL_NETWORK_MEMBERS; members++) {
      for (let byzantine = 0; byzantine < members; byzantine++) {
        const exact = binomialTail(9, byzantine / (members - 1), 4);
        expect(exposureProbability({ members, byzantine: byzantine / members, rings: 9 })).toBe(exact);
      }
    }
  });

  test("the exact form is never kinder than the formula, while Byzantine members are the minority", () => {
    for (let members = 5; members < SMALL_NETWORK_MEMBERS; members++) {
      for (const byzantine of [0.05, 0.1, 0.2, 0.3]) {
        const exact = exposureProbability({ members, byzantine, rings: 21 });
        expect(exact).toBeGreaterThan(binomialTail(21, byzantine, 10));
      }
    }
  });
});

describe("from which size on a claim holds", () => {
  test.each([
    [1000, 0.05, 11, 9],
    [1000, 0.1, 19, 12],
    [1000, 0.2, 41, 17],
    [1000, 0.3, 105, 28],
    [100, 0.05, 9, 25],
    [30, 0.1, 13, 26],
  ])("planned for %i members, %d Byzantine, %i rings: from %i on", (members, byzantine, rings, from) => {
    expect(holdsFrom({ members, byzantine, rings })).toBe(from);
  });

  test("is the size below which it fails, and above which it does not, size by size", () => {
    const claim = { byzantine: 0.1, rings: 15 };
    const holds = (members: number) => exposureProbability({ members, ...claim }) <= 0.01 / members;
    const members = 150;
    const from = holdsFrom({ members, ...claim })!;
    for (let size = from; size <= members; size++) expect([size, holds(size)]).toEqual([size, true]);
    expect(holds(from - 1)).toBe(false);
  });

  test("is nowhere when it does not hold for the full network", () => {
    expect(holdsFrom({ members: 1000, byzantine: 0.2, rings: 21 })).toBeUndefined();
    expect(holdsFrom({ members: 5, byzantine: 0.2, rings: 9 })).toBeUndefined();
  });

  test("is two members when nobody is Byzantine", () => {
    expect(holdsFrom({ members: 1000, byzantine: 0, rings: 3 })).toBe(2);
  });
});

describe("arguments that make no sense", () => {
  test.each([
    { members: 1, byzantine: 0.1 },
    { members: 0, byzantine: 0.1 },
    { members: 10.5, byzantine: 0.1 },
    { members: Number.NaN, byzantine: 0.1 },
    { members: Number.POSITIVE_INFINITY, byzantine: 0.1 },
    { members: 100, byzantine: -0.1 },
    { members: 100, byzantine: 1 },
    { members: 100, byzantine: Number.NaN },
    { members: 100, byzantine: 0.1, risk: 0 },
    { members: 100, byzantine: 0.1, risk: 1 },
    { members: 100, byzantine: 0.1, risk: Number.NaN },
  ])("%o is refused", (need) => {
    expect(() => ringsNeeded(need)).toThrow(RangeError);
    expect(() => holdsFrom({ ...need, rings: 9 })).toThrow(RangeError);
  });

  test.each([0, -1, 2.5, Number.NaN, RING_COUNT_MAX + 1])("%d rings are refused", (rings) => {
    expect(() => tolerated({ members: 100, rings })).toThrow(RangeError);
    expect(() => expectedExposed({ members: 100, byzantine: 0.1, rings })).toThrow(RangeError);
  });

  test.each([
    [100, 0.5],
    [1000, 0.9],
    [3, 0.1],
    [2, 0.1],
  ])("no ring count bears %i members with %d Byzantine, and the message says what to do", (members, byzantine) => {
    expect(() => ringsNeeded({ members, byzantine })).toThrow(/no ring count .* plan for more members or fewer/);
  });
});
