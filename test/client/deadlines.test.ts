/** One timer for the deadlines of many requests, on a virtual clock. */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Deadlines } from "../../client/messages/deadlines.js";

beforeEach(() => void vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] }));
afterEach(() => {
  vi.restoreAllMocks(); // First: a spy on a fake timer would bring the fake back.
  vi.useRealTimers();
});

function setup() {
  const pending = new Set<{ deadline: number; name: string }>();
  const expired: [string, number][] = [];
  const deadlines = new Deadlines(
    () => [...pending],
    (request: { deadline: number; name: string }) => {
      pending.delete(request);
      expired.push([request.name, Math.round(performance.now() - start)]);
      if (pending.size === 0) deadlines.stop();
    },
  );
  const start = performance.now();
  const add = (name: string, ms: number) => {
    const request = { name, deadline: start + ms };
    pending.add(request);
    deadlines.watch(request.deadline);
    return request;
  };
  return { pending, expired, deadlines, add };
}

describe("deadlines", () => {
  it("come in their order, whatever the order of the requests, with one timer at a time", () => {
    const { expired, add } = setup();
    for (const ms of [300, 100, 200, 100.5]) add(`${ms}`, ms);
    expect(vi.getTimerCount()).toBe(1);
    vi.advanceTimersByTime(1000);
    expect(expired.map(([name]) => name)).toEqual(["100", "100.5", "200", "300"]);
    for (const [name, at] of expired) expect(at - Number(name)).toBeLessThanOrEqual(1);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("do not come for what was answered, and leave no timer when nothing is pending", () => {
    const { expired, pending, deadlines, add } = setup();
    pending.delete(add("answered", 100));
    add("late", 200);
    vi.advanceTimersByTime(150);
    expect(expired).toEqual([]);
    pending.clear();
    deadlines.stop();
    expect(vi.getTimerCount()).toBe(0);
  });

  it("are kept beyond the longest timer", () => {
    const { expired, add } = setup();
    const day = 24 * 60 * 60_000;
    add("in a month", 30 * day);
    vi.advanceTimersByTime(29 * day);
    expect(expired).toEqual([]);
    vi.advanceTimersByTime(2 * day);
    expect(expired.map(([name]) => name)).toEqual(["in a month"]);
  });

  it("of many requests are a little late at most, and looked at rarely", () => {
    const { expired, add } = setup();
    let looks = 0;
    const timer = vi.spyOn(globalThis, "setTimeout").mockName("looks");
    for (let index = 0; index < 20_000; index++) add(`${index}`, 1000 + index / 100);
    timer.mockClear();
    vi.advanceTimersByTime(2000);
    looks = timer.mock.calls.length;
    expect(expired.length).toBe(20_000);
    for (const [name, at] of expired) expect(at - (1000 + Number(name) / 100)).toBeLessThanOrEqual(22);
    expect(looks).toBeLessThan(60);
    timer.mockRestore();
  });
});
