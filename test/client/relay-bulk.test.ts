/** Which relayed connections get a conduit: those that carry much, one at a time, with pauses after failures. A clock of the test's. */
import { setImmediate as turn } from "node:timers/promises";
import { expect, it } from "vitest";
import { BULK_BYTES, Bulk } from "../../client/relays/bulk.js";
import { idOf } from "../rings/model.js";

const [MEMBER, RELAY] = [idOf(1), idOf(9)];

function scene(outcome: () => Promise<void> = async () => {}) {
  const state = { now: 0, opened: [] as number[], isNeeded: true };
  const bulk = new Bulk({
    isNeeded: () => state.isNeeded,
    open: (id, relay) => {
      expect([id, relay]).toEqual([MEMBER, RELAY]);
      state.opened.push(state.now);
      return outcome();
    },
    now: () => state.now,
  });
  const connection = { carried: 0, destroyed: false };
  bulk.opened(MEMBER, RELAY, connection);
  const run = async (seconds: number, bytesEach: number) => {
    for (let second = 0; second < seconds; second++) {
      state.now += 1_000;
      connection.carried += bytesEach;
      bulk.look();
      await turn();
    }
  };
  return { state, bulk, connection, run };
}

it("is made for what carries much in a second, and not for a trickle, however long that lasts", async () => {
  const { state, run } = scene();
  await run(600, BULK_BYTES - 1);
  expect(state.opened).toEqual([]);
  await run(1, BULK_BYTES);
  expect(state.opened).toEqual([601_000]);
});

it("is not made where there is a better path, or one already", async () => {
  const { state, run } = scene();
  state.isNeeded = false;
  await run(10, BULK_BYTES);
  expect(state.opened).toEqual([]);
});

it("is not made for a connection that has ended", async () => {
  const { state, run, connection } = scene();
  connection.destroyed = true;
  await run(2, BULK_BYTES);
  expect(state.opened.length).toBeLessThanOrEqual(1); // What came with its last second.
});

it("is tried again with growing pauses while none comes up, and never twice at once", async () => {
  const failing = scene(() => Promise.reject(new Error("no way")));
  await failing.run(120, BULK_BYTES);
  expect(failing.state.opened).toEqual([1_000, 6_000, 16_000, 36_000, 76_000]);
  const slow = scene(() => new Promise(() => {}));
  await slow.run(3_600, BULK_BYTES);
  expect(slow.state.opened).toEqual([1_000]);
});

it("watches a bounded number of connections", async () => {
  const { state, bulk, run } = scene();
  for (let number = 100; number < 1_200; number++) bulk.opened(idOf(number), RELAY, { carried: 0, destroyed: false });
  await run(2, BULK_BYTES); // That of MEMBER was forgotten, and stays as it is.
  expect(state.opened).toEqual([]);
});

it("is made for the connection that carries much, also when another one with the member came after it", async () => {
  const { state, bulk, run } = scene();
  bulk.opened(MEMBER, RELAY, { carried: 0, destroyed: false });
  await run(1, BULK_BYTES);
  expect(state.opened).toEqual([1_000]);
});
