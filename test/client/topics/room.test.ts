/** Calls of `publish` that wait for room: their order, and one that turns out to be wrong when its turn comes. */
import { expect, it } from "vitest";
import { Room } from "../../../client/topics/room.js";
import { FirefliesError } from "../../../identity/index.js";

it("a call that turns out to be wrong is rejected, and those behind it have their turn", () => {
  const room = new Room();
  const seen: string[] = [];
  const wait = (name: string, publish: () => boolean) =>
    room.wait({ bytes: 1, timeoutMs: 60_000, publish, reject: (error) => void seen.push(`${name}: ${error.message}`) });
  wait("wrong", () => {
    throw new FirefliesError("topic-invalid", "no topic");
  });
  wait("right", () => seen.push("right") > 0);
  wait("later", () => false);
  room.opened();
  expect([seen, room.size]).toEqual([["wrong: no topic", "right"], 1]);
  room.cut(new FirefliesError("member-stopping"));
});
