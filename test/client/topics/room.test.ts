/** Calls of `publish` that wait for room: their order, and one that turns out to be wrong when its turn comes. */
import { expect, it } from "vitest";
import { Room } from "../../../client/topics/room.js";
import { FirefliesError } from "../../../identity/index.js";
import type { Fullness } from "../../../topics/index.js";

it("a call that turns out to be wrong is rejected, and those behind it have their turn", () => {
  const room = new Room();
  const seen: string[] = [];
  const wait = (name: string, publish: () => Fullness | undefined) =>
    room.wait({
      ...{ topic: name, bytes: 1, timeoutMs: 60_000, publish, fullness: "overloaded" },
      reject: (error) => void seen.push(`${name}: ${error.message}`),
    });
  wait("wrong", () => {
    throw new FirefliesError("topic-invalid", "no topic");
  });
  wait("right", () => void seen.push("right"));
  wait("later", () => "overloaded");
  room.opened();
  expect([seen, room.size]).toEqual([["wrong: no topic", "right"], 1]);
  room.cut(new FirefliesError("member-stopping"));
});

it("who waits for room in one topic holds up that topic only, and each topic keeps its order", () => {
  const room = new Room();
  const seen: string[] = [];
  const full = new Set(["small"]);
  const wait = (topic: string, name: string, fullness: Fullness) =>
    room.wait({
      ...{ topic, bytes: 1, timeoutMs: 60_000, fullness, reject: () => {} },
      publish: () => (full.has(topic) ? "topic-full" : void seen.push(name)),
    });
  wait("small", "first", "topic-full");
  expect(["small", "other"].map((topic) => room.awaited(topic))).toEqual(["topic-full", undefined]);
  wait("small", "second", "topic-full");
  wait("other", "third", "overloaded");
  expect(room.awaited("new")).toBe("overloaded");
  room.opened();
  expect([seen, room.awaited("new"), room.awaited("small")]).toEqual([["third"], undefined, "topic-full"]);
  full.clear();
  room.opened();
  expect([seen, room.size]).toEqual([["third", "first", "second"], 0]);
});
