/** A subscription's place in a log, against a model that remembers each message by itself. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Cursor } from "../../topics/delivering/cursor.js";
import { COUNT, log } from "../support/topics/held-forty.js";

type State = "new" | "hand" | "done" | "back" | "lost";

const act = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("take" as const), room: fc.integer({ min: 1, max: 8 }) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("settle" as const), at: fc.nat(COUNT), count: fc.nat(6) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("fail" as const), at: fc.nat(COUNT), count: fc.nat(6) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("lose" as const),
      at: fc.integer({ min: 1, max: COUNT }),
      count: fc.nat(4),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("wait" as const), ms: fc.nat(30) }) },
);

describe("a cursor", () => {
  it("hands out each message in order, none again that is settled, and each that failed or was given back", () => {
    fc.assert(
      fc.property(fc.array(act, { maxLength: 120 }), fc.uniqueArray(fc.integer({ min: 3, max: 12 })), (acts, above) => {
        const cursor = new Cursor(log, 2, above);
        const states: State[] = Array.from({ length: COUNT + 1 }, (_, number) =>
          number <= 2 || above.includes(number) ? "done" : "new",
        );
        const attempts = new Map<number, number>();
        let [now, newest] = [0, 2];
        const among = (from: number, to: number, ...kinds: State[]) =>
          states.flatMap((state, number) => (number >= from && number <= to && kinds.includes(state) ? [number] : []));
        for (const one of acts) {
          if (one.kind === "wait") now += one.ms;
          else if (one.kind === "take") {
            const portion = cursor.take(now, one.room);
            if (!portion) continue;
            const { first, last, attempt } = portion;
            expect(last - first).toBeLessThan(one.room);
            const isAgain = states[first] === "back";
            expect(among(first, last, isAgain ? "back" : "new").length).toBe(last - first + 1);
            expect(attempt).toBe((attempts.get(first) ?? 0) + 1);
            // What was given back goes first, and what is new follows in order.
            expect(among(1, first - 1, "back")).toEqual([]);
            if (!isAgain) expect([...among(1, COUNT, "back"), ...among(newest + 1, first - 1, "new")]).toEqual([]);
            newest = Math.max(newest, last);
            states.fill("hand", first, last + 1);
          } else if (one.kind === "settle") {
            for (const number of among(one.at, one.at + one.count, "hand", "back")) {
              states[number] = "done";
              attempts.delete(number);
            }
            cursor.settle(one.at, one.at + one.count);
          } else if (one.kind === "fail") {
            const last = one.at + one.count;
            const failed = cursor.fail(one.at, last, now + 10);
            expect(failed !== undefined).toBe(states[one.at] === "hand");
            if (failed === undefined) continue;
            attempts.set(one.at, failed);
            for (const number of among(one.at, last, "hand")) states[number] = "back";
          } else {
            for (const number of among(one.at, one.at + one.count, "new", "back")) states[number] = "lost";
            cursor.lose(one.at, one.at + one.count);
          }
          expect(cursor.open).toBe(among(1, COUNT, "hand").length);
        }
        expect(cursor.settled).toBeGreaterThanOrEqual((among(1, COUNT, "new", "hand", "back")[0] ?? COUNT + 1) - 1);
      }),
      { numRuns: 300 },
    );
  });
});
