/** Where things stand in the pictures. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { frameOf, place, radiusOf, ringsOf, spread, WHOLE, zoomed } from "../../dashboard/draw/layout.js";
import { pathNodes } from "../../dashboard/draw/paths-layout.js";
import { worldOf } from "../../dashboard/world/world.js";
import { snapshotOf } from "../support/dashboard/told.js";

const SIZE = { width: 800, height: 600 };

describe("the rings", () => {
  it("are circles within the picture, the first outermost, and dots get smaller with more members", () => {
    for (const [rings, members] of [
      [7, 5],
      [13, 200],
      [21, 1_000],
    ] as const) {
      const frame = frameOf(SIZE, rings, members, "all", WHOLE);
      const radii = ringsOf(frame).map((ring) => radiusOf(frame, ring));
      expect(radii.length).toBe(rings);
      expect(radii).toEqual(radii.toSorted((a, b) => b - a));
      expect(radii[0]!).toBeLessThan(300);
      expect(radii.at(-1)!).toBeGreaterThan(50);
      expect(2 * frame.dot).toBeLessThan(radii[0]! - radii[1]!);
    }
    expect(frameOf(SIZE, 13, 1_000, "all", WHOLE).dot).toBeLessThan(frameOf(SIZE, 13, 200, "all", WHOLE).dot);
  });

  it("begin at the top and go clockwise", () => {
    const frame = frameOf(SIZE, 1, 4, 1, WHOLE);
    const at = (position: number) => place(frame, 1, Uint16Array.of(position));
    expect(at(0)).toMatchObject({ x: expect.closeTo(400, 5), y: expect.closeTo(300 - frame.outer, 5) });
    expect(at(16_384)).toMatchObject({ x: expect.closeTo(400 + frame.outer, 5), y: expect.closeTo(300, 5) });
  });

  it("grow under the pointer: what is there stays there", () => {
    const at = { x: 123, y: 456 };
    const [before, camera] = [frameOf(SIZE, 5, 50, 2, WHOLE), zoomed(WHOLE, SIZE, at, 3)];
    const after = frameOf(SIZE, 5, 50, 2, camera);
    const relative = ({ center, outer }: typeof before) => [(at.x - center.x) / outer, (at.y - center.y) / outer];
    expect(relative(after)[0]).toBeCloseTo(relative(before)[0]!, 6);
    expect(relative(after)[1]).toBeCloseTo(relative(before)[1]!, 6);
    expect(zoomed(camera, SIZE, at, 0.001)).toEqual(WHOLE);
  });
});

describe("names around a circle", () => {
  const angles = fc.array(fc.double({ min: -Math.PI / 2, max: 1.5 * Math.PI - 1e-6, noNaN: true }), {
    minLength: 2,
    maxLength: 40,
  });

  it("keep their order and their distance", () => {
    fc.assert(
      fc.property(angles, fc.double({ min: 0.01, max: 0.15, noNaN: true }), (wanted, gap) => {
        const sorted = wanted.toSorted((a, b) => a - b);
        const placed = spread(sorted, gap);
        for (let index = 0; index < placed.length; index++) {
          const next = index + 1 < placed.length ? placed[index + 1]! : placed[0]! + 2 * Math.PI;
          const ahead = (((next - placed[index]!) % (2 * Math.PI)) + 2 * Math.PI) % (2 * Math.PI);
          if (placed.length * gap < Math.PI) expect(ahead).toBeGreaterThanOrEqual(gap - 1e-9);
        }
      }),
    );
  });

  it("stay where they are when there is room, and when there is none for all", () => {
    expect(spread([0, 1, 2], 0.5)).toEqual([0, 1, 2]);
    expect(spread([0, 0.1, 0.2], 3)).toEqual([0, 0.1, 0.2]);
    expect(spread([1, 1], 0.2)).toEqual([expect.closeTo(0.9, 9), expect.closeTo(1.1, 9)]);
  });
});

describe("the paths", () => {
  it("are nearer the more direct they are, and the relayed stand behind their relay", () => {
    const members = [
      { id: "a" },
      { id: "b", path: "direct" },
      { id: "c", path: "relayed", via: ["b"] },
      { id: "d", path: "punched" },
      { id: "e" },
      { id: "f", path: "direct", state: "failed" },
    ];
    const nodes = pathNodes(worldOf(snapshotOf({ a: [0] }, { members })), SIZE);
    expect(nodes.map(({ id, way, from }) => [id, way, from])).toEqual([
      ["a", "self", ""],
      ["b", "direct", "a"],
      ["d", "turned", "a"],
      ["c", "relayed", "b"],
      ["e", "none", ""],
    ]);
    const far = (id: string) => {
      const { x, y } = nodes.find((each) => each.id === id)!;
      return Math.hypot(x - 400, y - 300);
    };
    expect([far("a"), far("b"), far("d"), far("c"), far("e")]).toEqual(
      [far("a"), far("b"), far("d"), far("c"), far("e")].toSorted((a, b) => a - b),
    );
  });
});
