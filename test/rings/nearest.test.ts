/** What is kept of neighbours from one question to the next, against looking anew; and forks against separate rings. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { LayeredMap, type MemberId, Nearest, Rings } from "../../rings/index.js";
import { SlotList } from "../../rings/slot-list.js";
import { idOf, sha256, tyingPrefix } from "./model.js";

const MEMBERS = 30;
const RINGS = 4;
const ME = idOf(0);
const step = fc.record({
  kind: fc.constantFrom("skip", "skip", "unskip", "add", "delete", "ask"),
  member: fc.integer({ min: 1, max: MEMBERS }),
  ring: fc.integer({ min: 1, max: RINGS }),
});

describe.each([
  ["scattered", sha256],
  ["tying", tyingPrefix(2)],
])("the nearest on every ring, with %s positions", (_, hash) => {
  it("is who would be found by looking anew, after any changes", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), fc.nat(MEMBERS), (steps, filled) => {
        const rings = new Rings({ count: RINGS, sha256: hash });
        for (let member = 0; member <= filled; member++) rings.add(idOf(member));
        const skipped = new Set<MemberId>();
        const skip = (id: MemberId) => skipped.has(id) || !rings.has(id);
        const both = (["successor", "predecessor"] as const).map(
          (direction) => [direction, new Nearest(rings, ME, direction, skip)] as const,
        );
        for (const { kind, member, ring } of steps) {
          const id = idOf(member);
          if (kind === "skip") skipped.add(id);
          if (kind === "unskip") skipped.delete(id);
          if (kind === "add") rings.add(id);
          if (kind === "delete") rings.delete(id);
          for (const [direction, nearest] of both) {
            if (kind !== "ask") nearest.changed(id);
            expect(nearest.on(ring)).toBe(rings[direction](ring, ME, skip));
          }
        }
        for (const [direction, nearest] of both) {
          for (let ring = 1; ring <= RINGS; ring++) expect(nearest.on(ring)).toBe(rings[direction](ring, ME, skip));
        }
      }),
      { numRuns: 150 },
    );
  });
});

describe("a member reaches those between it and its nearest", () => {
  it("as they would find it, looking the other way", () => {
    const rings = new Rings({ count: RINGS, sha256 });
    for (let member = 0; member <= MEMBERS; member++) rings.add(idOf(member));
    const skip = (id: MemberId) => id !== ME && id.charCodeAt(0) % 3 !== 0;
    const nearest = new Nearest(rings, ME, "successor", skip);
    for (let member = 1; member <= 200; member++) {
      const found = [1, 2, 3, 4].some((ring) => rings.predecessor(ring, idOf(member), skip) === ME);
      expect(nearest.reaches(idOf(member))).toBe(found);
    }
  });

  it("and says which rings a change disturbed: all at first, later those where it lies within reach", () => {
    const rings = new Rings({ count: RINGS, sha256 });
    for (let member = 0; member <= MEMBERS; member++) rings.add(idOf(member));
    const nearest = new Nearest(rings, ME, "successor", () => false);
    expect(nearest.takeDisturbed()).toEqual([1, 2, 3, 4]);
    const beside = [1, 2, 3, 4].map((ring) => nearest.on(ring));
    nearest.changed(beside[2]!);
    expect(nearest.takeDisturbed()).toEqual([1, 2, 3, 4].filter((ring) => beside[ring - 1] === beside[2]));
    expect(nearest.takeDisturbed()).toEqual([]);
  });
});

const forked = fc.array(
  fc.record({
    side: fc.constantFrom(0, 1, 2),
    kind: fc.constantFrom("add", "add", "delete", "fork"),
    at: fc.nat(1000),
  }),
  { maxLength: 200 },
);

describe("forks share what was there, and neither sees what is done to the other", () => {
  it("slot lists", () => {
    fc.assert(
      fc.property(forked, (steps) => {
        const lists = [new SlotList(), new SlotList(), new SlotList()];
        const models: number[][] = [[], [], []];
        for (const { side, kind, at } of steps) {
          const [list, model] = [lists[side]!, models[side]!];
          if (kind === "add") {
            const index = at % (model.length + 1);
            list.insert(index, at);
            model.splice(index, 0, at);
          } else if (kind === "delete" && model.length > 0) {
            list.remove(at % model.length);
            model.splice(at % model.length, 1);
          } else if (kind === "fork") {
            lists[at % 3] = at % 3 === side ? list : list.fork();
            models[at % 3] = [...model];
          }
          for (const [which, each] of lists.entries()) {
            expect(each.length).toBe(models[which]!.length);
            expect(Array.from({ length: each.length }, (_, index) => each.at(index))).toEqual(models[which]);
          }
        }
      }),
      { numRuns: 60 },
    );
  });

  it("a slot list that is torn into many pieces becomes one again", () => {
    const list = new SlotList();
    for (let slot = 0; slot < 3000; slot++) list.insert(slot, slot);
    const fork = list.fork();
    const model = Array.from({ length: 3000 }, (_, slot) => slot);
    for (let index = 0; index < 2400; index += 2) {
      fork.remove(index % fork.length);
      model.splice(index % model.length, 1);
    }
    expect(Array.from({ length: fork.length }, (_, index) => fork.at(index))).toEqual(model);
    expect(list.length).toBe(3000);
    expect(list.at(2999)).toBe(2999);
  });

  it("maps", () => {
    fc.assert(
      fc.property(forked, (steps) => {
        let maps = [
          new LayeredMap<number, string>(),
          new LayeredMap<number, string>(),
          new LayeredMap<number, string>(),
        ];
        const models = [new Map<number, string>(), new Map<number, string>(), new Map<number, string>()];
        for (const { side, kind, at } of steps) {
          const key = at % 20;
          if (kind === "add") maps[side]!.set(key, `${at}`);
          if (kind === "add") models[side]!.set(key, `${at}`);
          if (kind === "delete") expect(maps[side]!.delete(key)).toBe(models[side]!.delete(key));
          if (kind === "fork" && at % 3 !== side) {
            maps = maps.with(at % 3, maps[side]!.fork());
            models[at % 3] = new Map(models[side]);
          }
          for (const [which, map] of maps.entries()) {
            expect(map.size).toBe(models[which]!.size);
            expect(map.get(key)).toBe(models[which]!.get(key));
            expect(new Map(map.entries())).toEqual(models[which]);
          }
        }
      }),
      { numRuns: 60 },
    );
  });

  it("rings", () => {
    fc.assert(
      fc.property(forked, (steps) => {
        const all = [0, 1, 2].map(() => new Rings({ count: 2, sha256 }));
        const models = [new Set<number>(), new Set<number>(), new Set<number>()];
        for (const { side, kind, at } of steps) {
          const member = at % 40;
          if (kind === "add") expect(all[side]!.add(idOf(member))).toBe(!models[side]!.has(member));
          if (kind === "add") models[side]!.add(member);
          if (kind === "delete") expect(all[side]!.delete(idOf(member))).toBe(models[side]!.delete(member));
          if (kind === "fork" && at % 3 !== side) {
            all[at % 3] = all[side]!.fork();
            models[at % 3] = new Set(models[side]);
          }
        }
        for (const [which, rings] of all.entries()) {
          const alone = new Rings({ count: 2, sha256 });
          for (const member of models[which]!) alone.add(idOf(member));
          for (const ring of [1, 2]) expect(rings.successors(ring, ME, 50)).toEqual(alone.successors(ring, ME, 50));
          expect(new Set(rings.ids())).toEqual(new Set(alone.ids()));
        }
      }),
      { numRuns: 60 },
    );
  });
});
