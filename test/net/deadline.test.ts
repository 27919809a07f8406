/** Deadlines as instants, and listening to signals. */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { deadlineIn, msUntil, onAbort, TIMER_MS_MAX, withDeadline } from "../../net/index.js";

const forever = () => new Promise<never>(() => {});

describe("a deadline", () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    expect(vi.getTimerCount()).toBe(0);
    vi.useRealTimers();
  });

  it("ends a wait at its instant, however long ago it was set, with the signal first", async () => {
    const deadline = deadlineIn(1_000);
    await vi.advanceTimersByTimeAsync(400);
    let reason: unknown;
    const waiting = withDeadline({ deadline }, (signal) => {
      signal.addEventListener("abort", () => {
        reason = signal.reason;
      });
      return forever();
    });
    const ended = vi.fn();
    waiting.catch(ended);
    await vi.advanceTimersByTimeAsync(599);
    expect(ended).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(1);
    await expect(waiting).rejects.toMatchObject({ code: "timeout", message: expect.stringContaining("600 ms") });
    await expect(waiting).rejects.toBe(reason);
  });

  it("that is past starts nothing, as a signal that has fired", async () => {
    const start = vi.fn(forever);
    await expect(withDeadline({ deadline: performance.now() }, start)).rejects.toMatchObject({ code: "timeout" });
    const cancelled = withDeadline({ deadline: deadlineIn(1), signal: AbortSignal.abort() }, start);
    await expect(cancelled).rejects.toMatchObject({ code: "cancelled" });
    expect(start).not.toHaveBeenCalled();
  });

  it("gives what was waited for, or its failure, and leaves nothing behind", async () => {
    const options = { deadline: deadlineIn(1_000), signal: new AbortController().signal };
    expect(await withDeadline(options, async () => "found")).toBe("found");
    await expect(withDeadline(options, () => Promise.reject(new Error("lost")))).rejects.toThrow("lost");
    const thrown = withDeadline(options, () => {
      throw new Error("thrown");
    });
    await expect(thrown).rejects.toThrow("thrown");
  });

  it("may be none, or weeks away, and the caller's signal ends the wait", async () => {
    for (const deadline of [Number.POSITIVE_INFINITY, deadlineIn(TIMER_MS_MAX * 2)]) {
      const controller = new AbortController();
      const waiting = withDeadline({ deadline, signal: controller.signal }, forever);
      waiting.catch(() => {});
      await vi.advanceTimersByTimeAsync(10_000);
      controller.abort();
      await expect(waiting).rejects.toMatchObject({ code: "cancelled" });
    }
  });

  it("is told in milliseconds that a timer takes", async () => {
    const deadline = deadlineIn(50);
    expect(msUntil(deadline)).toBe(50);
    await vi.advanceTimersByTimeAsync(80);
    expect([msUntil(deadline), msUntil(Number.POSITIVE_INFINITY)]).toEqual([0, TIMER_MS_MAX]);
  });
});

describe("a signal", () => {
  it("has one listener, however many listen through it; each may stop", () => {
    const controller = new AbortController();
    const add = vi.spyOn(controller.signal, "addEventListener");
    const heard: number[] = [];
    const stops = Array.from({ length: 20 }, (_, index) => onAbort(controller.signal, () => heard.push(index)));
    expect(add).toHaveBeenCalledTimes(1);
    for (const stop of stops.slice(2)) stop();
    controller.abort();
    expect(heard).toEqual([0, 1]);
    onAbort(controller.signal, () => heard.push(99));
    expect(heard).toEqual([0, 1, 99]);
    expect(() => onAbort(undefined, () => heard.push(0))()).not.toThrow();
  });

  it("told twice of one function calls it twice", () => {
    const controller = new AbortController();
    const listener = vi.fn();
    onAbort(controller.signal, listener);
    onAbort(controller.signal, listener);
    controller.abort();
    expect(listener).toHaveBeenCalledTimes(2);
  });
});
