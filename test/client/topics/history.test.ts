/** What is read from elsewhere: once for all that is missed together, again for what is missed later, and never for who ended. */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Recoveries } from "../../../client/topics/history.js";
import type { TopicHistory } from "../../../client/topics/types.js";
import { FirefliesError } from "../../../identity/index.js";

describe("what members hold no more", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  function scene(history: Partial<TopicHistory> = {}) {
    const log: unknown[] = [];
    let hasRoom = true;
    const recoveries = new Recoveries({
      onAlarm: ({ code }) => log.push(code),
      machine: {
        seek: (number) => (number === 1 ? 700 : undefined),
        give: (batch) => {
          if (hasRoom) log.push(`given ${batch[0]}`);
          return hasRoom;
        },
        recovered: (number) => log.push(`recovered ${number}`),
        keptElsewhere: (patterns) => log.push(patterns.join()),
      },
    });
    const forget = recoveries.use({
      topics: ["t"],
      async *read(pattern, since) {
        log.push(`${pattern} since ${since}`);
        yield Uint8Array.of(1);
        yield Uint8Array.of(2);
      },
      ...history,
    });
    const took = () => log.splice(0);
    took();
    return { recoveries, forget, took, room: (has: boolean) => (hasRoom = has) };
  }

  it("is read once for what was missed in one go, and again, later, for what was missed since", async () => {
    const { recoveries, took } = scene();
    recoveries.begin(1, "t", 5, false);
    recoveries.begin(2, "t.>", 6, false);
    recoveries.missed(1);
    recoveries.missed(1);
    await vi.advanceTimersByTimeAsync(500);
    expect(took()).toEqual(["t since 700", "given 1", "given 2", "recovered 1"]);
    recoveries.missed(1);
    recoveries.missed(2);
    await vi.advanceTimersByTimeAsync(500);
    expect(took()).toEqual(["t.> since 6", "given 1", "given 2", "recovered 2"]);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(took()).toEqual(["t since 700", "given 1", "given 2", "recovered 1"]);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(took()).toEqual([]);
  });

  it("is read from where a durable subscription was, when that begins, and waits for room", async () => {
    const { recoveries, took, room } = scene();
    room(false);
    recoveries.begin(1, "t", 5, true);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(took()).toEqual(["t since 5"]);
    room(true);
    await vi.advanceTimersByTimeAsync(100);
    expect(took()).toEqual(["given 1", "given 2", "recovered 1"]);
  });

  it("is told as not found when a source fails, and not at all when the subscription has ended", async () => {
    const read = () => {
      throw new FirefliesError("nats-unreachable");
    };
    const { recoveries, took, forget } = scene({ read });
    recoveries.begin(1, "t", 5, false);
    recoveries.begin(2, "t", 5, false);
    recoveries.missed(1);
    recoveries.missed(2);
    recoveries.end(2);
    await vi.advanceTimersByTimeAsync(500);
    expect(took()).toEqual(["nats-unreachable", "recovered 1"]);
    forget();
    expect(took()).toEqual([""]);
    recoveries.close();
    expect(vi.getTimerCount()).toBe(0);
  });
});
