/** What a link holds after many messages of every fate: nothing. Counted, because bytes of a heap tell it late and seldom. */

import { setImmediate as turn } from "node:timers/promises";
import { beforeAll, expect, it } from "vitest";
import { Budget } from "../../client/messages/budget.js";
import { Requester } from "../../client/messages/requester.js";
import { type Dispatch, Responder } from "../../client/messages/responder.js";
import { FRAME_BYTES_MAX } from "../../client/protocols.js";
import type { Identity } from "../../identity/index.js";
import { duplexPair } from "../support/duplex-pair.js";
import { OfflineNetwork, text } from "../support/network.js";
import { TestNetwork } from "../support/test-network.js";

let alice: Identity;
let bob: Identity;
beforeAll(async () => {
  const network = await TestNetwork.create();
  [alice, bob] = [await network.member(), await network.member()];
});

const MESSAGES = 5_000;
const AT_ONCE = 500;
const SETTLED_MS = 10_000;

/** Timers under way in this process. */
const timers = () => process.getActiveResourcesInfo().filter((kind) => kind === "Timeout").length;

/** One in eight each: thrown, answered later, never answered, given up by the asker, proven; the rest just answered. */
const handler: Dispatch = (_kind, data, { prove, signal }) => {
  const fate = data[0]! % 8;
  if (fate === 1) throw new Error("boom");
  if (fate === 2) return turn(data);
  if (fate === 3 || fate === 4) {
    return new Promise((resolve) => signal.addEventListener("abort", () => resolve(undefined)));
  }
  return fate === 5 ? prove().subarray(0, 8) : data;
};

it("no request, answer, handler, list, byte or timer is left of thousands of messages of every fate", async () => {
  const before = timers();
  const [near, far] = duplexPair(FRAME_BYTES_MAX);
  const budgets = { message: new Budget({ concurrent: 20 }), gossip: new Budget() };
  const responder = new Responder({
    ...{ duplex: far, identity: bob, peer: alice.certificate, dispatch: handler, budgets },
    handlerTimeoutMs: 20,
  });
  const requester = new Requester({ duplex: near, identity: alice, peer: bob.certificate });
  const outcomes = new Map<string, number>();
  const ask = async (number: number) => {
    const fate = number % 8;
    const signal = fate === 4 ? AbortSignal.timeout(1) : undefined;
    const onAnswer = fate === 6 ? (prove: () => Uint8Array) => void prove() : undefined;
    const answer = requester.request("message", Uint8Array.of(fate), { timeoutMs: 10_000, signal, onAnswer });
    const outcome = await answer.then(
      () => "answered",
      (error: { code: string }) => error.code,
    );
    outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
  };
  for (let sent = 0; sent < MESSAGES; sent += AT_ONCE) {
    await Promise.all(Array.from({ length: AT_ONCE }, (_, index) => ask(sent + index)));
  }
  expect([...outcomes.keys()].sort()).toEqual(expect.arrayContaining(["answered", "handler-failed"]));
  // What was given up last is on its way to the other side.
  await expect.poll(() => responder.open, { timeout: SETTLED_MS }).toBe(0);
  expect({ pending: requester.pending, running: budgets.message.running }).toEqual({ pending: 0, running: 0 });
  for (const end of [near, far]) {
    expect({ read: end.readableLength, written: end.writableLength }).toEqual({ read: 0, written: 0 });
  }
  expect(timers()).toBeLessThanOrEqual(before);
  requester.close();
});

it("a client at rest has a few timers, and no more of them after many messages to many members", async () => {
  const before = timers();
  await using made = await OfflineNetwork.of(4);
  const [first, ...others] = made.clients;
  for (const client of made.clients) client.registerMessageHandler((data) => data);
  // Of each: one of its machine, which says when the next thing is due, and the rest for calls under way.
  const perClient = 8;
  const limit = before + made.clients.length * perClient;
  // Calls of the first seconds end in their own time, which a busy machine stretches.
  await expect.poll(timers, { timeout: SETTLED_MS }).toBeLessThanOrEqual(limit);
  for (let round = 0; round < 10; round++) {
    const sent = others.flatMap(({ id }) => Array.from({ length: 50 }, () => first!.sendToId(id, text("hello"))));
    await Promise.all(sent);
  }
  await expect.poll(timers, { timeout: SETTLED_MS }).toBeLessThanOrEqual(limit);
});
