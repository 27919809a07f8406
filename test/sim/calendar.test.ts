/** What is planned happens in order of time, and of planning among equals. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Calendar, type Happening } from "../../sim/calendar.js";

interface Noted extends Happening {
  readonly at: number;
  readonly order: number;
}

const noted = (at: number, order: number): Noted => ({ at, order, happen: () => {} });

describe("a calendar", () => {
  it("gives back any plans in order of time, and of planning among equals", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 50 }), { maxLength: 300 }), (times) => {
        const calendar = new Calendar();
        const plans = times.map((at, order) => noted(at, order));
        for (const plan of plans) calendar.add(plan.at, plan);
        const taken = times.map(() => calendar.take());
        expect(taken).toEqual(plans.toSorted((a, b) => a.at - b.at || a.order - b.order));
        expect(calendar.nextAt).toBe(Number.POSITIVE_INFINITY);
      }),
    );
  });

  it("keeps its order while plans come in between, and beyond its first capacity", () => {
    const calendar = new Calendar();
    const seen: number[] = [];
    for (let order = 0; order < 5000; order++) calendar.add((order * 7919) % 1000, noted((order * 7919) % 1000, order));
    for (let turn = 0; turn < 2500; turn++) {
      const next = calendar.take() as Noted;
      seen.push(next.at);
      calendar.add(next.at + 500, noted(next.at + 500, 5000 + turn));
    }
    expect(seen).toEqual(seen.toSorted((a, b) => a - b));
    expect(calendar.size).toBe(5000);
  });
});
