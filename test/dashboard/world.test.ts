/** The network as the dashboard holds it: what each event changes, at any instant, forwards and back. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { HISTORY_KINDS } from "../../dashboard/feed/forms.js";
import { binsOf } from "../../dashboard/world/bins.js";
import { EFFECT_MS, effectsAt } from "../../dashboard/world/effects.js";
import { neighboursOf } from "../../dashboard/world/neighbours.js";
import { figuresAt, ratesOf } from "../../dashboard/world/rates.js";
import { plainSentence, sentenceOf } from "../../dashboard/world/sentences.js";
import { HELD_MS, STRIDE, Timeline } from "../../dashboard/world/timeline.js";
import { apply, countsOf, worldOf } from "../../dashboard/world/world.js";
import { event, figures, snapshotOf } from "../support/dashboard/told.js";

const SNAPSHOT = snapshotOf({ a: [0, 100], b: [100, 50], c: [200, 0] });

/** The phase of b after these kinds of events, ten ms apart. */
function phaseAfter(...kinds: readonly string[]): string | undefined {
  const world = worldOf(SNAPSHOT);
  for (const [index, kind] of kinds.entries()) apply(world, event(1_010 + 10 * index, kind, "b", { by: "a", ring: 1 }));
  return world.members.get("b")?.phase;
}

describe("a member", () => {
  it.each([
    [["suspected"], "suspected"],
    [["suspected", "accused"], "accused"],
    [["accused", "suspected"], "accused"],
    [["accused", "rebutted"], "live"],
    [["accused", "removed"], "failed"],
    [["accused", "removed", "accused"], "failed"],
    [["removed", "joined"], "live"],
    [["removed", "back"], "live"],
    [["left"], "left"],
    [["revoked"], "revoked"],
    [["expired"], "revoked"],
    [["equivocated"], "revoked"],
    [["missed", "summoned", "rejected", "updated"], "live"],
  ])("after %j is %s", (kinds, phase) => {
    expect(phaseAfter(...kinds)).toBe(phase);
  });

  it("holds its accusations by accuser and ring, and what its rebuttal answered", () => {
    const world = worldOf(SNAPSHOT);
    for (const [by, ring] of [
      ["a", 1],
      ["c", 2],
      ["a", 1],
    ] as const)
      apply(world, event(1_010, "accused", "b", { by, ring, epoch: "4" }));
    expect(world.members.get("b")?.accusations.map(({ by, ring }) => [by, ring])).toEqual([
      ["c", 2],
      ["a", 1],
    ]);
    apply(world, event(1_020, "rebutted", "b"));
    expect(world.members.get("b")).toMatchObject({
      accusations: [],
      answered: [{ by: "c" }, { by: "a" }],
      rebuttedAt: 1_020,
    });
  });

  it("that nobody has described yet comes with its record, and not without", () => {
    const world = worldOf(SNAPSHOT);
    apply(world, event(1_010, "accused", "z"));
    expect(world.members.has("z")).toBe(false);
    apply(world, event(1_020, "joined", "z", { record: { id: "z", name: "zoe" } }));
    expect(world.members.get("z")).toMatchObject({ phase: "live", since: 1_020, record: { name: "zoe" } });
    expect(countsOf(world)).toEqual({ there: 4, live: 4, doubted: 0, gone: 0 });
  });

  it("that tells all this may stand alone for a while", () => {
    const world = worldOf(SNAPSHOT);
    apply(world, event(1_010, "isolated", "a"));
    expect(world.isolatedSince).toBe(1_010);
    apply(world, event(1_020, "back", "a"));
    expect(world.isolatedSince).toBeUndefined();
  });
});

describe("neighbours", () => {
  it("are the nearest on each ring that are there, and the circle is closed", () => {
    const world = worldOf(SNAPSHOT);
    expect(neighboursOf(world, "a")).toEqual([
      { ring: 1, predecessor: "c", successor: "b" },
      { ring: 2, predecessor: "b", successor: "c" },
    ]);
    apply(world, event(1_010, "left", "b"));
    expect(neighboursOf(world, "a")[0]).toEqual({ ring: 1, predecessor: "c", successor: "c" });
    apply(world, event(1_010, "left", "c"));
    expect(neighboursOf(world, "a")[0]).toEqual({ ring: 1, predecessor: "", successor: "" });
  });

  it("agree with a sorted list", () => {
    const places = fc.uniqueArray(fc.nat(65_535), { minLength: 2, maxLength: 30 });
    fc.assert(
      fc.property(places, (all) => {
        const world = worldOf(snapshotOf(Object.fromEntries(all.map((place, index) => [`m${index}`, [place]]))));
        const order = all.map((place, index) => ({ place, id: `m${index}` })).sort((a, b) => a.place - b.place);
        for (const [index, { id }] of order.entries()) {
          const [found] = neighboursOf(world, id);
          expect(found?.successor).toBe(order[(index + 1) % order.length]!.id);
          expect(found?.predecessor).toBe(order.at(index - 1)!.id);
        }
      }),
    );
  });
});

describe("the timeline", () => {
  const moment = fc.record({
    at: fc.integer({ min: 1_000, max: 9_000 }),
    kind: fc.constantFrom(...HISTORY_KINDS),
    member: fc.constantFrom("a", "b", "c"),
  });

  it("shows at any instant what a replay from the start gives, in whatever order one looks", () => {
    fc.assert(
      fc.property(
        fc.array(moment, { maxLength: 60 }),
        fc.array(fc.integer({ min: 0, max: 10_000 }), { maxLength: 10 }),
        (told, looks) => {
          const events = told
            .toSorted((x, y) => x.at - y.at)
            .map(({ at, kind, member }) => event(at, kind, member, { by: "c", ring: 2 }));
          const timeline = new Timeline(SNAPSHOT, events, { isLive: true });
          for (const at of looks) {
            const world = worldOf(SNAPSHOT);
            for (const each of events.filter((one) => one.at <= at)) apply(world, each);
            expect([...timeline.worldAt(at).members]).toEqual([...world.members]);
          }
        },
      ),
    );
  });

  it("does so across the worlds that it keeps, and forgets whole strides after an hour", () => {
    const kinds = ["suspected", "rebutted", "left", "joined", "accused"];
    const count = 3 * STRIDE + 10;
    const events = Array.from({ length: count }, (_, index) => event(1_000 + index, kinds[index % 5]!, "b"));
    const timeline = new Timeline(SNAPSHOT, events, { isLive: true });
    const phaseAt = (at: number) => timeline.worldAt(at).members.get("b")?.phase;
    const looks = [2_500, 1_001, 3_999, 999, 4_004, 2_002];
    const phases = looks.map(phaseAt);
    expect(phases).toEqual(["accused", "live", "accused", "live", "accused", "left"]);
    timeline.add(event(1_000 + STRIDE + HELD_MS + 2, "left", "b"));
    expect(timeline.changes.length).toBe(count + 1 - STRIDE);
    expect(timeline.revisionAt(3_999)).toBe(3 * STRIDE);
    expect(phaseAt(3_999)).toBe("accused");
    expect(timeline.start).toBe(timeline.end - HELD_MS);
  });

  it("keeps a recording as a whole, and an order that a clock set back would break", () => {
    const late = [event(9_000_000, "left", "b"), event(5, "joined", "b")];
    const timeline = new Timeline(SNAPSHOT, late, { isLive: false });
    expect({ start: timeline.start, end: timeline.end }).toEqual({ start: 1_000, end: 9_000_000 });
    expect(timeline.changes.map(({ at }) => at)).toEqual([9_000_000, 9_000_000]);
  });
});

describe("effects", () => {
  it("last a while from their event on, and know who did it to whom", () => {
    const events = [
      event(1_000, "accused", "b", { by: "a", ring: 2 }),
      event(1_500, "updated", "b"),
      event(2_000, "rebutted", "b"),
    ];
    expect(effectsAt(events, 2_000, EFFECT_MS)).toEqual([
      { kind: "accusation", from: "a", to: "b", ring: 2, progress: 1_000 / EFFECT_MS },
      { kind: "rebuttal", from: "", to: "b", ring: undefined, progress: 0 },
    ]);
    expect(effectsAt(events, 1_000 + EFFECT_MS, EFFECT_MS).map(({ kind }) => kind)).toEqual(["rebuttal"]);
    expect(effectsAt(events, 999, EFFECT_MS)).toEqual([]);
  });
});

describe("figures", () => {
  it("become rates; a pause and a new life are gaps", () => {
    const told = [
      [0, 0],
      [2_000, 100],
      [4_000, 50],
      [60_000, 90],
      [62_000, 95],
    ].map(([at, messagesIn]) => figures(at!, { messagesIn }));
    const rates = ratesOf(
      told.filter((each) => each.event === "figures"),
      0,
      60_000,
    );
    expect(rates.at).toEqual([2, 4, 60]);
    expect(rates.messagesIn).toEqual([50, null, null]);
  });

  it("are the last ones before an instant", () => {
    const told = [figures(10), figures(20)].filter((each) => each.event === "figures");
    expect([5, 10, 19, 20].map((at) => figuresAt(told, at)?.at)).toEqual([undefined, 10, 10, 20]);
  });
});

describe("the strip of time", () => {
  it("counts what was bad, good and gone, each in its piece", () => {
    const events = [
      event(0, "accused", "b"),
      event(4, "rebutted", "b"),
      event(9, "removed", "b"),
      event(10, "left", "b"),
      event(5, "updated", "b"),
    ];
    expect(binsOf(events, { start: 0, end: 10, isLive: true }, 2)).toEqual([
      { good: 1, bad: 1, gone: 0 },
      { good: 0, bad: 0, gone: 2 },
    ]);
  });
});

describe("sentences", () => {
  const nameOf = (id: string) => id.toUpperCase();

  it("name who did what to whom", () => {
    const accused = event(1, "accused", "b", { by: "a", ring: 3, reason: "no answer" });
    expect(plainSentence(accused, nameOf)).toBe("A accuses B on ring 3: no answer");
    expect(plainSentence(event(1, "rebutted", "b", { epoch: "9" }), nameOf)).toBe(
      "B rebuts the accusation with epoch 9",
    );
    const missed = { by: "a", ring: 2, reason: "1 of 3" };
    const tried = (path: string) => plainSentence(event(1, "missed", "b", { ...missed, path }), nameOf);
    expect(tried("direct h:1")).toBe("A has no answer from B on ring 2: 1 of 3. Path: direct h:1");
    expect(tried("none: h:1 is silent.")).toBe("A has no answer from B on ring 2: 1 of 3. No path: h:1 is silent");
  });

  it("are there for each kind, with and without a teller, and have the member in them", () => {
    for (const kind of HISTORY_KINDS) {
      for (const by of ["", "a"]) expect(sentenceOf(event(1, kind, "b", { by }))).toContainEqual({ member: "b" });
    }
  });
});
