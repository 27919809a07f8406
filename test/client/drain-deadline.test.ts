/** The deadline of a stop, on a virtual clock. */
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { DrainDeadline } from "../../client/talk/drain-deadline.js";

beforeEach(() => void vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] }));
afterEach(() => void vi.useRealTimers());

/** Milliseconds after which it fired, when these were asked for, each a second after the one before. */
function firedAfter(...asked: number[]): number {
  const deadline = new DrainDeadline();
  const from = performance.now();
  for (const ms of asked) {
    deadline.within(ms);
    if (ms !== asked.at(-1)) vi.advanceTimersByTime(1_000);
  }
  while (!deadline.signal.aborted) vi.advanceTimersByTime(1);
  return performance.now() - from;
}

it.each([
  ["as it was asked for", [5_000], 5_000],
  ["at once", [0], 0],
  ["at the first of two", [5_000, 10_000], 5_000],
  ["at the second, which is sooner", [5_000, 2_000], 3_000],
  ["at once, though another one was asked for", [5_000, 0], 1_000],
  ["at the soonest of many", [9_000, 8_500, 3_000, 4_000], 5_000],
])("fires %s", (_how, asked, after) => {
  expect(firedAfter(...asked)).toBe(after);
});

it("has no timer once everything has ended, also when somebody asks again", () => {
  const deadline = new DrainDeadline();
  deadline.within(10_000);
  deadline.clear();
  deadline.within(5_000);
  expect(vi.getTimerCount()).toBe(0);
  expect(deadline.signal.aborted).toBe(false);
});
