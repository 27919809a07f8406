/** How the page follows a member: where it begins, and when it asks again. */
import { describe, expect, it } from "vitest";
import type { Api } from "../../dashboard/feed/api.js";
import { followLive } from "../../dashboard/feed/live.js";
import { Pace } from "../../dashboard/feed/pace.js";

const SNAPSHOT = { sequence: 4, at: 5, self: "a", rings: 2, members: [{ id: "a" }] };
const RECORDING = [
  { recording: 1, snapshot: SNAPSHOT },
  { event: "history", at: 6, sequence: 9, kind: "left", member: "a" },
]
  .map((line) => JSON.stringify(line))
  .join("\n");

/** What the page is told first by a member whose recording this is, and what it asks for next. */
async function beginningWith(recording: () => Promise<string>) {
  const ending = new AbortController();
  const told: { events?: number; missing?: string; asked?: string } = {};
  const api: Pick<Api, "ask" | "askText" | "open"> = {
    ask: async () => SNAPSHOT,
    askText: recording,
    open: async (path) => {
      told.asked = path;
      ending.abort();
      throw new Error("the test is over");
    },
  };
  const listener = {
    started: (_: unknown, events: readonly unknown[], missing: string) =>
      Object.assign(told, { events: events.length, missing }),
    arrived: () => undefined,
    status: () => undefined,
  };
  await followLive(api as Api, listener, ending.signal);
  return told;
}

describe("a page that follows a member", () => {
  it("begins with what the member recorded, and goes on after its last event", async () => {
    const told = await beginningWith(async () => RECORDING);
    expect(told).toEqual({ events: 1, missing: "", asked: "v1/events?since=9" });
  });

  it.each<[string, () => Promise<string>, RegExp]>([
    ["cannot be had", async () => Promise.reject(new Error("4 recordings are being read.")), /^4 recordings are being/],
    ["is none", async () => "{}", /is no recording/],
  ])("begins with the member's view where a recording %s, and says why", async (_, recording, missing) => {
    const told = await beginningWith(recording);
    expect(told).toEqual({ events: 0, missing: expect.stringMatching(missing), asked: "v1/events?since=4" });
  });
});

describe("the pace of questions", () => {
  it("is one at a time, soon when something has happened, else every five seconds", () => {
    const pace = new Pace();
    expect(pace.isDue("1", 100)).toBe(true);
    pace.asked("1", 100);
    expect(pace.isDue("2", 99_000)).toBe(false); // The answer is awaited.
    pace.answered();
    expect([1_099, 1_100].map((now) => pace.isDue("2", now))).toEqual([false, true]);
    expect([5_099, 5_100].map((now) => pace.isDue("1", now))).toEqual([false, true]);
  });
});
