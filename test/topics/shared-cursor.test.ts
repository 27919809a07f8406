/** A subscription's place in a log that its queue group shares, against a model that remembers each message by itself. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Cursor, type Standing } from "../../topics/delivering/cursor.js";
import type { HeldLog } from "../../topics/holding/held-log.js";
import { GROUP_SPAN_MAX } from "../../topics/limits.js";
import type { Batch } from "../../topics/records/batch.js";
import { COUNT, log } from "../support/topics/held-forty.js";

type State = "new" | "elsewhere" | "hand" | "back" | "done";

const act = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("take" as const), at: fc.integer({ min: 1, max: 8 }) }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("settle" as const), at: fc.integer({ min: 1, max: COUNT }) }) },
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant("handled" as const), at: fc.integer({ min: 1, max: COUNT }) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant("takeOver" as const), at: fc.integer({ min: 1, max: COUNT }) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("fail" as const), at: fc.integer({ min: 1, max: COUNT }) }) },
);

describe("a cursor of a group", () => {
  it("hands out what is its own, once, and is settled up to the first that nobody has handled", () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom<Standing>("mine", "elsewhere", "handled"), {
          minLength: COUNT + 1,
          maxLength: COUNT + 1,
        }),
        fc.array(act, { maxLength: 150 }),
        (standings, acts) => {
          const cursor = new Cursor(log, 0, [], (number) => standings[number]!);
          const states: State[] = standings.map(() => "new");
          states[0] = "done";
          /** What the cursor has looked at by now. */
          const look = () => {
            for (let number = 1; number < cursor.next; number++) {
              if (states[number] === "new") states[number] = standings[number] === "handled" ? "done" : "elsewhere";
            }
          };
          for (const { kind, at } of acts) {
            if (kind === "take") {
              const portion = cursor.take(1e9, at);
              for (let number = portion?.first ?? 1; number <= (portion?.last ?? 0); number++) {
                expect(["new", "back"]).toContain(states[number]);
                if (states[number] === "new") expect(standings[number]).toBe("mine");
                states[number] = "hand";
              }
              look();
            } else if (kind === "settle") {
              cursor.settle(at, at);
              if (states[at] === "hand" || states[at] === "back") states[at] = "done";
            } else if (kind === "handled") {
              const isNews = cursor.handledElsewhere(at);
              expect(isNews).toBe(["new", "elsewhere", "back"].includes(states[at]!));
              if (isNews) states[at] = "done";
            } else if (kind === "takeOver") {
              cursor.takeOver([at]);
              if (states[at] === "elsewhere") states[at] = "back";
            } else if (cursor.fail(at, at, 0) !== undefined) {
              expect(states[at]).toBe("hand");
              states[at] = "back";
            }
            look();
            const first = states.findIndex((state) => state !== "done");
            expect(cursor.settled).toBe(first < 0 ? COUNT : first - 1);
            expect(cursor.open).toBe(states.filter((state) => state === "hand").length);
            expect([...cursor.elsewhere].sort((a, b) => a - b)).toEqual(
              states.flatMap((state, number) => (state === "elsewhere" ? [number] : [])),
            );
          }
        },
      ),
    );
  });

  it("goes no further ahead of what nobody has handled than its limit, and on when that is handled", () => {
    const long = {
      held: 3 * GROUP_SPAN_MAX,
      find: () => ({ last: 3 * GROUP_SPAN_MAX }) as Batch,
    } as unknown as HeldLog;
    const cursor = new Cursor(long, 0, [], (number) => (number === 1 ? "elsewhere" : "mine"));
    expect(cursor.take(0, 10 * GROUP_SPAN_MAX)).toMatchObject({ first: 2, last: GROUP_SPAN_MAX });
    expect(cursor.take(0, 10)).toBeUndefined();
    expect(cursor.handledElsewhere(GROUP_SPAN_MAX + 1)).toBe(false);
    cursor.handledElsewhere(1);
    expect(cursor.take(0, 10)).toMatchObject({ first: GROUP_SPAN_MAX + 1, last: GROUP_SPAN_MAX + 1 });
  });

  it("loses what is its own, and says nothing of what others were to handle", () => {
    const cursor = new Cursor(log, 0, [], (number) => (number % 3 === 0 ? "mine" : "elsewhere"));
    expect(cursor.take(0, 1)).toMatchObject({ first: 3, last: 3 });
    expect(cursor.lose(1, 10)).toEqual([
      { first: 6, last: 6 },
      { first: 9, last: 9 },
    ]);
    expect(cursor.settled).toBe(2);
    cursor.settle(3, 3);
    expect(cursor.settled).toBe(10);
  });

  it("does not lose the newest message of before, which it was not owed", () => {
    const cursor = new Cursor(log, 4, []);
    cursor.courtesy = 5;
    expect(cursor.lose(5, 5)).toEqual([]);
    const other = new Cursor(log, 4, []);
    other.courtesy = 5;
    expect(other.lose(5, 8)).toEqual([{ first: 6, last: 8 }]);
  });
});
