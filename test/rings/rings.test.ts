import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type MemberId, position, RING_COUNT_MAX, Rings, type Sha256, toHex } from "../../rings/index.js";
import { idOf, RingsModel, sameForAll, sha256, tyingPrefix } from "./model.js";

const nobody = () => false;
const everybody = () => true;

/** `members` on one ring, named by their order on it: a is the lowest. */
function oneRing(members: number): { rings: Rings; inOrder: MemberId[] } {
  const rings = new Rings({ count: 1, sha256 });
  const ids = Array.from({ length: members }, (_, number) => idOf(number));
  for (const id of ids) rings.add(id);
  const key = (id: MemberId) => toHex(position(sha256, 1, id));
  return { rings, inOrder: ids.sort((a, b) => (key(a) < key(b) ? -1 : 1)) };
}

describe("against a second implementation that sorts everyone for each question", () => {
  const POOL = Array.from({ length: 9 }, (_, number) => idOf(number));
  const RINGS = 3;
  const hashes: Record<string, Sha256> = {
    "positions all different": sha256,
    "prefixes tied in all 48 bits": tyingPrefix(0),
    "prefixes tied in 46 of 48 bits": tyingPrefix(2),
    "positions the same for all": sameForAll,
  };
  const change = fc.record({ joins: fc.boolean(), who: fc.nat({ max: POOL.length - 1 }) });
  const changes = fc.array(change, { maxLength: 25 });
  const skipped = fc.subarray(POOL).map((ids) => new Set(ids));

  function replay(hash: Sha256, steps: readonly { joins: boolean; who: number }[]) {
    const rings = new Rings({ count: RINGS, sha256: hash });
    const model = new RingsModel(hash);
    for (const { joins, who } of steps) {
      const id = POOL[who]!;
      const isNews = model.members.has(id) !== joins;
      expect(joins ? rings.add(id) : rings.delete(id)).toBe(isNews);
      if (joins) model.members.add(id);
      else model.members.delete(id);
    }
    return { rings, model };
  }

  function sameNeighbours(
    rings: Rings,
    model: RingsModel,
    ring: number,
    of: MemberId,
    skip: (id: MemberId) => boolean,
  ) {
    const predecessors = model.predecessors(ring, of, skip);
    expect(rings.successor(ring, of, skip)).toBe(model.successor(ring, of, skip));
    expect(rings.predecessor(ring, of, skip)).toBe(predecessors[0]);
    for (const count of [0, 2, 100]) {
      expect(rings.predecessors(ring, of, count, skip)).toEqual(predecessors.slice(0, count));
    }
  }

  function sameSpan(rings: Rings, model: RingsModel, ring: number, from: MemberId, to: MemberId) {
    const span = model.between(ring, from, to);
    expect([...rings.between(ring, from, to)]).toEqual(span);
    for (const limit of [0, 1, 3, 100]) {
      expect(rings.distance(ring, from, to, limit)).toBe(span.length > limit ? undefined : span.length);
    }
  }

  describe.each(Object.entries(hashes))("%s", (_, hash) => {
    test("the same members", () => {
      fc.assert(
        fc.property(changes, (steps) => {
          const { rings, model } = replay(hash, steps);
          expect(rings.size).toBe(model.members.size);
          expect(new Set(rings.ids())).toEqual(model.members);
          for (const id of POOL) expect(rings.has(id)).toBe(model.members.has(id));
        }),
      );
    });

    test("the same neighbours of everyone, on the rings or not, whoever is skipped", () => {
      fc.assert(
        fc.property(changes, skipped, (steps, gone) => {
          const { rings, model } = replay(hash, steps);
          const skip = (id: MemberId) => gone.has(id);
          for (const of of POOL) {
            const all = new Set<MemberId | undefined>();
            for (let ring = 1; ring <= RINGS; ring++) {
              sameNeighbours(rings, model, ring, of, skip);
              all.add(model.successor(ring, of, skip)).add(model.predecessors(ring, of, skip)[0]);
            }
            all.delete(undefined);
            expect(rings.neighbours(of, skip)).toEqual(all);
          }
        }),
        { numRuns: 50 },
      );
    });

    test("the same members between any two, on the rings or not", () => {
      fc.assert(
        fc.property(changes, fc.integer({ min: 1, max: RINGS }), (steps, ring) => {
          const { rings, model } = replay(hash, steps);
          for (const from of POOL) for (const to of POOL) sameSpan(rings, model, ring, from, to);
        }),
        { numRuns: 30 },
      );
    });
  });

  test("1,000 members on 5 rings", () => {
    const rings = new Rings({ count: 5, sha256 });
    const model = new RingsModel(sha256);
    for (let number = 0; number < 1200; number++) rings.add(idOf(number));
    for (let number = 0; number < 200; number++) rings.delete(idOf(number * 5));
    for (const id of rings.ids()) model.members.add(id);
    expect(rings.size).toBe(1000);
    for (let ring = 1; ring <= 5; ring++) {
      const inOrder = model.clockwise(ring, idOf(1));
      expect([...rings.between(ring, idOf(1), inOrder.at(-1)!)]).toEqual(inOrder.slice(0, -1));
      expect(rings.predecessors(ring, idOf(1), 1000)).toEqual(inOrder.reverse());
    }
  });
});

describe("around one ring", () => {
  const { rings, inOrder } = oneRing(5);
  const [a, b, c, d, e] = inOrder as [MemberId, MemberId, MemberId, MemberId, MemberId];

  test("the successor of the highest position is the lowest, and the other way round", () => {
    expect(rings.successor(1, e, nobody)).toBe(a);
    expect(rings.predecessor(1, a, nobody)).toBe(e);
    expect(rings.successor(1, b, nobody)).toBe(c);
    expect(rings.predecessor(1, c, nobody)).toBe(b);
  });

  test("whoever monitors me is monitored as my predecessor: the two relations are one", () => {
    for (const id of inOrder) expect(rings.predecessor(1, rings.successor(1, id, nobody)!, nobody)).toBe(id);
  });

  test("skipped members are passed over, also across the top", () => {
    expect(rings.successor(1, d, (id) => id === e || id === a)).toBe(b);
    expect(rings.predecessor(1, b, (id) => id === a)).toBe(e);
    expect(rings.predecessors(1, b, 2, (id) => id === a)).toEqual([e, d]);
  });

  test("nobody is a neighbour when all are skipped, nor is a member its own", () => {
    expect(rings.successor(1, a, everybody)).toBeUndefined();
    expect(rings.predecessor(1, a, everybody)).toBeUndefined();
    expect(rings.successor(1, a, (id) => id !== a)).toBeUndefined();
    expect(rings.predecessor(1, a, (id) => id !== a)).toBeUndefined();
    expect(rings.neighbours(a, everybody)).toEqual(new Set());
  });

  test("between is clockwise, strict and lazy", () => {
    expect([...rings.between(1, a, d)]).toEqual([b, c]);
    expect([...rings.between(1, d, b)]).toEqual([e, a]);
    expect([...rings.between(1, b, a)]).toEqual([c, d, e]);
    expect([...rings.between(1, a, b)]).toEqual([]);
    expect([...rings.between(1, a, a)]).toEqual([]);
    for (const first of rings.between(1, a, e)) {
      expect(first).toBe(b);
      break;
    }
  });

  test.each([
    ["a", "b", 0],
    ["a", "c", 1],
    ["c", "a", 2],
    ["b", "a", 3],
    ["a", "a", 0],
  ])("%s to %s passes %i members", (from, to, members) => {
    const named: Record<string, MemberId> = { a, b, c };
    expect(rings.distance(1, named[from]!, named[to]!, members)).toBe(members);
    expect(rings.distance(1, named[from]!, named[to]!, members - 1)).toBeUndefined();
  });

  test("the accusers that count are the W nearest predecessors", () => {
    const nearest = rings.predecessors(1, b, 3);
    expect(nearest).toEqual([a, e, d]);
    for (const id of inOrder) {
      const isNear = id !== b && rings.distance(1, id, b, 2) !== undefined;
      expect(isNear).toBe(nearest.includes(id));
    }
  });
});

describe("few or none", () => {
  test("empty rings", () => {
    const rings = new Rings({ count: 3, sha256 });
    expect(rings.size).toBe(0);
    expect(rings.delete(idOf(1))).toBe(false);
    expect(rings.successor(1, idOf(1), nobody)).toBeUndefined();
    expect(rings.predecessors(3, idOf(1), 4)).toEqual([]);
    expect([...rings.between(2, idOf(1), idOf(2))]).toEqual([]);
    expect(rings.distance(2, idOf(1), idOf(2), 0)).toBe(0);
    expect(rings.neighbours(idOf(1), nobody)).toEqual(new Set());
  });

  test("a single member has no neighbour and is that of everyone else", () => {
    const rings = new Rings({ count: 3, sha256 });
    rings.add(idOf(1));
    expect(rings.successor(1, idOf(1), nobody)).toBeUndefined();
    expect(rings.predecessor(1, idOf(1), nobody)).toBeUndefined();
    expect(rings.successor(1, idOf(2), nobody)).toBe(idOf(1));
    expect(rings.predecessor(1, idOf(2), nobody)).toBe(idOf(1));
    expect(rings.neighbours(idOf(2), nobody)).toEqual(new Set([idOf(1)]));
  });

  test("two are each other's neighbours on every ring", () => {
    const rings = new Rings({ count: 3, sha256 });
    rings.add(idOf(1));
    rings.add(idOf(2));
    for (const ring of [1, 2, 3]) {
      expect(rings.successor(ring, idOf(1), nobody)).toBe(idOf(2));
      expect(rings.predecessor(ring, idOf(1), nobody)).toBe(idOf(2));
    }
  });

  test("a joiner sees the neighbours it is going to have", () => {
    const { rings } = oneRing(20);
    const joiner = idOf(100);
    const before = [rings.successor(1, joiner, nobody), rings.predecessor(1, joiner, nobody)];
    rings.add(joiner);
    expect([rings.successor(1, joiner, nobody), rings.predecessor(1, joiner, nobody)]).toEqual(before);
  });
});

describe("a programmer's error", () => {
  test.each([0, -1, 1.5, Number.NaN, RING_COUNT_MAX + 1])("%d rings are refused", (count) => {
    expect(() => new Rings({ count, sha256 })).toThrow(RangeError);
  });

  test.each([0, 4, -1, 1.5, Number.NaN])("ring %d of 3 is refused", (ring) => {
    const rings = new Rings({ count: 3, sha256 });
    expect(() => rings.successor(ring, idOf(1), nobody)).toThrow(RangeError);
    expect(() => rings.predecessor(ring, idOf(1), nobody)).toThrow(RangeError);
    expect(() => rings.distance(ring, idOf(1), idOf(2), 1)).toThrow(RangeError);
    expect(() => [...rings.between(ring, idOf(1), idOf(2))]).toThrow(RangeError);
  });
});

describe("work, counted", () => {
  const counted = (count: number) => {
    const calls = { hashes: 0 };
    const rings = new Rings({
      count,
      sha256: (data) => {
        calls.hashes++;
        return sha256(data);
      },
    });
    return { rings, calls };
  };

  test("a member's positions are hashed once, when it is added", () => {
    const { rings, calls } = counted(7);
    for (let number = 0; number < 10; number++) rings.add(idOf(number));
    for (let number = 0; number < 10; number++) rings.neighbours(idOf(number), nobody);
    rings.add(idOf(3));
    rings.delete(idOf(3));
    expect(calls.hashes).toBe(7 * 10);
  });

  test("those of an id that is not on the rings once, and again when it is asked about after many others", () => {
    const { rings, calls } = counted(3);
    for (let again = 0; again < 5; again++) rings.successor(1, idOf(0), nobody);
    expect(calls.hashes).toBe(3);
    rings.add(idOf(0));
    expect(calls.hashes).toBe(3);
    rings.successor(1, idOf(1), nobody);
    for (let number = 2; number < 1000; number++) rings.successor(1, idOf(number), nobody);
    const before = calls.hashes;
    rings.successor(1, idOf(1), nobody);
    expect(calls.hashes).toBe(before + 3);
  });

  test("a neighbour is found without asking about members beyond it", () => {
    const { rings, inOrder } = oneRing(500);
    let asked = 0;
    const skipTwo = () => ++asked <= 2;
    expect(rings.successor(1, inOrder[10]!, skipTwo)).toBe(inOrder[13]);
    expect(asked).toBe(3);
  });
});
