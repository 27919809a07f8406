/** Batches of a log in whatever order they come, against a list that is sorted anew each time. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Held, Row } from "../../topics/holding/row.js";

const held = (first: number, length: number): Held =>
  ({ batch: { first, last: first, bytes: { length } }, at: 0, isPassed: false }) as unknown as Held;

const firsts = (helds: Iterable<Held>) => Array.from(helds, ({ batch }) => batch.first);

describe("a row of batches", () => {
  it("is in order, and counts bytes, in whatever order they come and go", () => {
    const act = fc.oneof(
      { weight: 9, arbitrary: fc.record({ first: fc.integer({ min: 1, max: 4000 }), length: fc.nat(1000) }) },
      { weight: 1, arbitrary: fc.constant("take" as const) },
    );
    fc.assert(
      fc.property(fc.array(act, { minLength: 800, maxLength: 1600 }), fc.integer({ min: 0, max: 4001 }), (acts, at) => {
        const row = new Row();
        let model: Held[] = [];
        for (const one of acts) {
          if (one === "take") {
            expect(row.takeFirst()).toBe(model.shift());
            continue;
          }
          if (model.some(({ batch }) => batch.first === one.first)) continue;
          const added = held(one.first, one.length);
          row.add(added);
          model = [...model, added].toSorted((a, b) => a.batch.first - b.batch.first);
        }
        expect(firsts(row.from(0))).toEqual(firsts(model));
        expect(firsts(row.backwards())).toEqual(firsts(model).toReversed());
        const bytesOf = (some: readonly Held[]) => some.reduce((sum, { batch }) => sum + batch.bytes.length, 0);
        const [before, behind] = [
          model.filter(({ batch }) => batch.first <= at),
          model.filter(({ batch }) => batch.first > at),
        ];
        expect([row.size, row.bytes]).toEqual([model.length, bytesOf(model)]);
        expect(row.bytesAfter(at)).toBe(bytesOf(behind));
        expect(row.around(at)).toEqual({ before: before.at(-1), after: behind[0] });
        expect(firsts(row.from(at))).toEqual(firsts([...before.slice(-1), ...behind]));
      }),
      { numRuns: 20 },
    );
  });
});
