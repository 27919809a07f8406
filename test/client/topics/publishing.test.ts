/** Calls of `publish` that wait: each settles once, by its level, its deadline or its signal; and those that wait for room. */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Publishing } from "../../../client/topics/publishing.js";
import { Room } from "../../../client/topics/room.js";
import type { AckLevel, Unacknowledged } from "../../../client/topics/types.js";
import { FirefliesError, sha256 } from "../../../identity/index.js";
import { memberIdFromBytes } from "../../../rings/index.js";
import { nameLog } from "../../../topics/index.js";
import { codeOf } from "../../support/network.js";

const idOf = (digit: number) => memberIdFromBytes(new Uint8Array(32).fill(digit));
const LOG = nameLog({ publisher: idOf(1), life: 1n, topic: "orders.eu" }, sha256);

beforeEach(() => void vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] }));
afterEach(() => void vi.useRealTimers());

function scene() {
  const publishing = new Publishing({
    missing: () => [idOf(2), idOf(3)],
    nameOf: (id) => (id === idOf(2) ? "bob" : undefined),
    now: () => performance.now(),
  });
  const settled: string[] = [];
  const add = (number: number, level: AckLevel, timeoutMs = 1_000) => {
    let giveUp: (error: Error) => void = () => {};
    const promise = new Promise<{ readonly sequence: number }>((resolve, reject) => {
      giveUp = publishing.add(LOG, level, { number, deadline: performance.now() + timeoutMs, resolve, reject });
    });
    promise.then(
      ({ sequence }) => settled.push(`${level} ${sequence}`),
      (error: FirefliesError) => settled.push(`${level} ${number} ${error.code}`),
    );
    return { promise, giveUp };
  };
  return { publishing, settled, add };
}

describe("messages that wait to be safe", () => {
  it("settle by their levels, up to the number that was reached", async () => {
    const { publishing, settled, add } = scene();
    for (const level of ["some", "all", "none"] as const) for (const number of [1, 2, 3]) add(number, level);
    publishing.reached(LOG, "some", 2);
    publishing.reached(LOG, "all", 1);
    await Promise.resolve();
    expect(settled).toEqual(["some 1", "some 2", "all 1"]);
    publishing.reached(LOG, "none", 9);
    publishing.reached(LOG, "some", 9);
    publishing.reached(LOG, "all", 9);
    await publishing.settled();
    expect([settled.length, publishing.size]).toEqual([9, 0]);
  });

  it("reject in time, and say who is missing", async () => {
    const { publishing, add } = scene();
    const late = add(1, "all", 1_000).promise.catch((error: Unacknowledged) => error);
    const short = codeOf(add(2, "all", 500).promise);
    vi.advanceTimersByTime(500);
    expect(await short).toBe("unacknowledged");
    vi.advanceTimersByTime(500);
    const error = (await late) as Unacknowledged;
    expect([error.code, error.missing]).toEqual(["unacknowledged", [idOf(2), idOf(3)]]);
    expect(error.message).toContain(`Missing: bob (${idOf(2)}), ${idOf(3)}.`);
    expect(publishing.size).toBe(0);
    publishing.reached(LOG, "all", 2); // Nobody waits.
  });

  it("are given up one by one, and all at once", async () => {
    const { publishing, settled, add } = scene();
    const calls = [1, 2, 3, 4].map((number) => add(number, "some"));
    calls[1]?.giveUp(new FirefliesError("cancelled"));
    calls[1]?.giveUp(new FirefliesError("cancelled"));
    publishing.reached(LOG, "some", 1);
    expect(publishing.cut(new FirefliesError("member-stopping"))).toBe(2);
    await publishing.settled();
    await Promise.resolve();
    expect(settled.sort()).toEqual(["some 1", "some 2 cancelled", "some 3 member-stopping", "some 4 member-stopping"]);
  });
});

describe("messages that wait for room", () => {
  const waiting = (room: Room, publish: () => boolean, bytes = 1, timeoutMs = 1_000) => {
    const fullness = "overloaded" as const;
    let giveUp: (error: Error) => void = () => {};
    const ended = new Promise<void>((resolve, reject) => {
      const run = () => {
        const isPublished = publish();
        if (isPublished) resolve();
        return isPublished ? undefined : fullness;
      };
      giveUp = room.wait({ topic: "t", bytes, timeoutMs, publish: run, reject, fullness });
    });
    return { ended, giveUp };
  };

  it("go in their order, while there is room", () => {
    const room = new Room();
    const published: number[] = [];
    let places = 2;
    for (const number of [1, 2, 3]) waiting(room, () => places-- > 0 && published.push(number) > 0);
    room.opened();
    expect([published, room.awaited("other")]).toEqual([[1, 2], "overloaded"]);
    places = 9;
    room.opened();
    expect([published, room.awaited("t")]).toEqual([[1, 2, 3], undefined]);
  });

  it("are refused when their time is over, when they are given up, and when too many wait", async () => {
    const room = new Room();
    const late = codeOf(waiting(room, () => false).ended);
    const given = waiting(room, () => false, 1, 9_000);
    const ended = codeOf(given.ended);
    given.giveUp(new FirefliesError("cancelled"));
    vi.advanceTimersByTime(1_000);
    expect([await late, await ended, room.size]).toEqual(["overloaded", "cancelled", 0]);
    waiting(room, () => false, 16 * 1024 * 1024);
    const call = { topic: "t", bytes: 1, timeoutMs: 1, publish: () => undefined, reject: () => {} };
    expect(() => room.wait({ ...call, fullness: "overloaded" })).toThrow(
      expect.objectContaining({ code: "overloaded" }),
    );
  });
});
