/** How long a message looks for a way: until its deadline, with pauses, and no longer than somebody waits. */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { isUntried, isWay, pauseMs, persistently } from "../../client/talk/persistence.js";
import { FirefliesError } from "../../identity/index.js";
import { DialError, type DialReason } from "../../net/index.js";
import { codeOf } from "../support/network.js";

const noWay = () => new DialError("no-route", "relay://abc");

describe("a way that fails", () => {
  it.each<[DialReason, boolean]>([
    ["no-route", true],
    ["timeout", true],
    ["backoff", true],
    ["local", true],
    ["unresolved", true],
    ["refused", false],
    ["forbidden", false],
    ["cancelled", false],
  ])("with %s: is another one looked for? %s", (reason, goesOn) => {
    expect(isWay(new DialError(reason, "x"))).toBe(goesOn);
  });

  it("by the member's own word is none", () => {
    for (const code of ["peer-refused", "peer-removed", "peer-mismatch", "certificate-invalid", "overloaded"] as const)
      expect(isWay(new FirefliesError(code))).toBe(false);
    expect(isWay(new DialError("handshake", "x", { cause: new FirefliesError("peer-refused") }))).toBe(false);
  });

  it("was not tried where one of several failed a moment ago", () => {
    expect(isUntried(new DialError("no-route", "x", { reasons: ["no-route", "backoff"] }))).toBe(true);
    expect(isUntried(new DialError("no-route", "x", { reasons: ["no-route", "timeout"] }))).toBe(false);
    expect(isUntried(new FirefliesError("link-closed"))).toBe(false);
  });
});

describe("a message that looks for a way", () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  function scene(isGoneAfterMs = Infinity, over = new AbortController(), signal?: AbortSignal) {
    const times: number[] = [];
    const begun = performance.now();
    const run = async () => {
      times.push(performance.now() - begun);
      if (times.at(-1)! < isGoneAfterMs) throw noWay();
      return "there";
    };
    return { times, until: { deadline: begun + 10_000, signals: [over.signal, signal] }, run };
  }

  it("finds the one that is there after seconds, with pauses that grow", async () => {
    const { run, until, times } = scene(3_000);
    const found = persistently(run, until, isWay);
    await vi.advanceTimersByTimeAsync(5_000);
    expect(await found).toBe("there");
    expect(times).toEqual([0, 50, 150, 350, 750, 1_550, 2_550, 3_550]);
  });

  it("ends with the last failure when there is no time for another try", async () => {
    const { run, until, times } = scene();
    const found = codeOf(persistently(run, until, isWay));
    await vi.advanceTimersByTimeAsync(20_000);
    expect(await found).toBe("peer-unreachable");
    expect(times.at(-1)).toBeLessThan(10_000);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("ends at once when nobody waits any more", async () => {
    for (const which of ["over", "signal"] as const) {
      const [over, cancel] = [new AbortController(), new AbortController()];
      const { run, until, times } = scene(Infinity, over, cancel.signal);
      const found = codeOf(persistently(run, until, isWay));
      await vi.advanceTimersByTimeAsync(400);
      (which === "over" ? over : cancel).abort();
      expect(await found).toBe("peer-unreachable");
      expect(times).toHaveLength(4);
      expect(vi.getTimerCount()).toBe(0);
    }
  });

  it("does not go on after what is no way", async () => {
    const { until } = scene();
    const run = vi.fn().mockRejectedValue(new FirefliesError("peer-refused"));
    expect(await codeOf(persistently(run, until, isWay))).toBe("peer-refused");
    expect(run).toHaveBeenCalledTimes(1);
  });

  it("waits before the first try when it has lost links before", async () => {
    const { run, until, times } = scene(0);
    const found = persistently(run, until, isWay, 3);
    await vi.advanceTimersByTimeAsync(pauseMs(3));
    expect(await found).toBe("there");
    expect(times).toEqual([200]);
  });
});
