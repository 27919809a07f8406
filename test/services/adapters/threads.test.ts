/** One client in several threads and processes: what crosses, what is bounded, and what becomes of it when an end dies or stands still. */
import { fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { MessageChannel, type MessagePort, Worker } from "node:worker_threads";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import {
  type Change,
  type Client,
  decodeText,
  encodeText,
  ReplyError,
  type SubscribeOptions,
  type TopicMessage,
} from "../../../client/index.js";
import { elect } from "../../../services/coordination/index.js";
import { CALLS_MAX } from "../../../services/threads/calls.js";
import { clientOver, type RemoteClient, type SharedClient, shareClient } from "../../../services/threads/index.js";
import { HANDLING_MAX } from "../../../services/threads/share.js";
import { startTestNetwork, type TestNetwork } from "../../../testing/index.js";
import { deferred } from "../../support/network.js";

const THREAD = join(import.meta.dirname, "thread.mjs");

let network: TestNetwork;
let alice: Client;
let bob: Client;
beforeAll(async () => {
  network = await startTestNetwork({ members: 2 });
  [alice, bob] = network.members as [Client, Client];
  bob.serve("echo", (data) => data);
  bob.serve("fail", () => {
    throw new ReplyError("not today", { code: "no-luck" });
  });
  await seen(alice, () => alice.members({ service: "fail" }).length === 1);
});
afterAll(() => network.stop());

/** Both ends in this thread: what they say crosses all the same. */
async function joined(): Promise<{ share: SharedClient; remote: RemoteClient; port: MessagePort; why: () => unknown }> {
  const { port1, port2 } = new MessageChannel();
  let why: unknown = "goes on";
  const onEnd = (error: Error | undefined) => {
    why = error;
  };
  const share = shareClient(alice, port1, { onEnd });
  const remote = await clientOver(port2);
  onTestFinished(() => {
    share.close();
    port1.close();
  });
  return { share, remote, port: port2, why: () => why };
}

async function seen(client: Pick<Client, "changes">, isIt: (change: Change) => boolean): Promise<Change> {
  for await (const change of client.changes()) if (isIt(change)) return change;
  throw new Error("The client has stopped.");
}

describe("a client over a port", () => {
  it("has the view, and follows it", async () => {
    const { remote } = await joined();
    expect([remote.id, remote.self.name]).toEqual([alice.id, "member-1"]);
    expect(remote.members()).toEqual(alice.members());
    expect(remote.member("member-2")).toEqual(remote.member(bob.id));
    expect(remote.members({ name: "member-3" })).toEqual([]);
    expect(remote.closeTo("key", 1)[0]?.id).toBe(alice.closeTo("key", 1)[0]?.id);
    expect(remote.pick("echo", "key")?.id).toBe(bob.id);
    const updated = seen(remote, (change) => change.kind === "updated" && change.member.metadata.role === "web");
    await bob.setMetadata({ role: "web" });
    expect(await updated).toMatchObject({ member: { id: bob.id } });
    expect(remote.member(bob.id)?.metadata).toEqual({ role: "web" });
    await remote.setMetadata({ of: "a thread" });
    expect([remote.self.metadata, alice.self.metadata]).toEqual([{ of: "a thread" }, { of: "a thread" }]);
    expect((await remote.waitForMembers(1)).length).toBe(1);
  });

  it("sends, answers, and fails as the client does", async () => {
    const { remote } = await joined();
    const window = Buffer.from("some hello here").subarray(5, 10);
    expect(decodeText(await remote.sendToId(bob.id, window, { service: "echo" }))).toBe("hello");
    expect(decodeText(await remote.sendToAny("echo", encodeText("any")))).toBe("any");
    const failing = remote.sendToId(bob.id, window, { service: "fail" });
    await expect(failing).rejects.toBeInstanceOf(ReplyError);
    await expect(failing).rejects.toMatchObject({ code: "no-luck", message: "not today" });
    await expect(remote.sendToId("nobody", window)).rejects.toMatchObject({
      name: "FirefliesError",
      code: "peer-unknown",
    });
    await expect(remote.sendToId(bob.id, "text" as never)).rejects.toThrow(TypeError);
    const cancelled = remote.sendToId(bob.id, window, { service: "echo", signal: AbortSignal.abort() });
    await expect(cancelled).rejects.toMatchObject({ code: "cancelled" });

    const taking = new AbortController();
    remote.serve(
      "greet",
      (data, { from }) => {
        if (data.length === 0) throw new ReplyError("Say something.", { code: "empty" });
        return Buffer.from(`${from.name} says ${decodeText(data)}`);
      },
      { signal: taking.signal },
    );
    await seen(bob, ({ kind }) => kind !== "dropped" && bob.members({ service: "greet" }).length === 1);
    expect(decodeText(await bob.sendToAny("greet", encodeText("hello")))).toBe("member-2 says hello");
    await expect(bob.sendToAny("greet", new Uint8Array())).rejects.toMatchObject({ code: "empty" });
    expect(() => remote.serve("greet", () => undefined)).toThrow(expect.objectContaining({ code: "name-taken" }));
    taking.abort();
    await expect.poll(() => alice.self.services).not.toContain("greet");
  });

  it("publishes, and subscribes with a handler and with a loop", async () => {
    const { remote } = await joined();
    const got: string[] = [];
    const dead: string[] = [];
    const subscription = await remote.subscribe("news.*", {
      handler: (message) => {
        if (message.topic === "news.bad" && message.redelivered === 0) throw new Error("once more");
        got.push(`${message.from.name} ${decodeText(message.data)} ${message.redelivered}`);
      },
    });
    await bob.publish("news.good", encodeText("one"), { ack: "all" });
    await remote.publish("news.bad", encodeText("two"), { ack: "all" });
    await expect.poll(() => got.toSorted()).toEqual(["member-1 two 1", "member-2 one 0"]);
    await subscription.unsubscribe();
    expect([subscription.closed, alice.subscribers("news.good")]).toEqual([true, []]);

    await remote.subscribe("poison", {
      attempts: 1,
      handler: () => Promise.reject(new Error("never")),
      deadLetter: ({ data }, error) => void dead.push(`${decodeText(data)}: ${(error as Error).message}`),
    });
    const loop = await remote.subscribe("loop");
    await bob.publish("poison", encodeText("pill"), { ack: "all" });
    expect(dead).toEqual(["pill: never"]);
    const published = bob.publish("loop", encodeText("taken"), { ack: "all" });
    for await (const message of loop) {
      expect(decodeText(message.data)).toBe("taken");
      expect(() => message.proof()).toThrow(expect.objectContaining({ code: "proof-unavailable" }));
      message.ack();
      break;
    }
    await published;
    expect(loop.closed).toBe(true);
    await expect(remote.subscribe("no topic")).rejects.toMatchObject({ code: "topic-invalid" });
  });

  it("is what coordination takes", async () => {
    const { remote } = await joined();
    const leading = deferred<string>();
    const election = elect(remote, "in-a-thread", { lead: ({ token }) => leading.resolve(token) });
    expect(await leading.promise).toContain(alice.id);
    await election.close();
  });

  it("ends with either end, and gives back what it served", async () => {
    const { remote, share, why } = await joined();
    const begun = deferred();
    remote.serve("short", () => {
      begun.resolve();
      return new Promise(() => {});
    });
    await expect.poll(() => bob.members({ service: "short" }).length).toBe(1);
    const waiting = bob.sendToId(alice.id, new Uint8Array(), { service: "short" });
    const sending = waiting.catch(({ code }: { code: string }) => code);
    await begun.promise;
    await remote.close();
    await expect.poll(() => share.closed).toBe(true);
    expect(why()).toMatchObject({ code: "link-closed" });
    expect(await sending).toBe("member-stopping");
    expect(alice.self.services).not.toContain("short");
    expect(remote.stopping.aborted).toBe(true);
    await expect(remote.sendToId(bob.id, new Uint8Array())).rejects.toMatchObject({ code: "link-closed" });
    for await (const _ of remote.changes()); // It ends.

    const other = await joined();
    other.share.close();
    await expect.poll(() => other.remote.stopping.aborted).toBe(true);
    expect(other.why()).toBeUndefined();
  });

  it("is waited for, for some time, and refuses what is no port", async () => {
    const { port1, port2 } = new MessageChannel();
    await expect(clientOver(port2, { timeoutMs: 20 })).rejects.toMatchObject({ code: "timeout" });
    await expect(clientOver(port2, { signal: AbortSignal.abort() })).rejects.toMatchObject({ code: "cancelled" });
    await expect(clientOver(null)).rejects.toThrow(TypeError);
    expect(() => shareClient(alice, {} as never)).toThrow(TypeError);
    const late = clientOver(port2);
    const share = shareClient(alice, port1);
    expect((await late).id).toBe(alice.id);
    share.close();
    port1.close();
  });
});

describe("what waits", () => {
  it("is bounded: calls of a thread, and messages that it handles", async () => {
    const { remote } = await joined();
    const gate = deferred();
    bob.serve("gate", () => gate.promise.then(() => undefined));
    onTestFinished(() => gate.resolve());
    const calls = Array.from({ length: CALLS_MAX + 1 }, () =>
      remote.sendToId(bob.id, Uint8Array.of(1), { service: "gate" }),
    );
    const codes = Promise.all(
      calls.map((call) =>
        call.then(
          () => "done",
          ({ code }) => code as string,
        ),
      ),
    );
    await expect(calls.at(-1)).rejects.toMatchObject({ code: "overloaded" });
    gate.resolve();
    expect((await codes).filter((code) => code === "overloaded").length).toBeGreaterThanOrEqual(1);

    const door = deferred();
    onTestFinished(() => door.resolve());
    remote.serve("door", () => door.promise.then(() => undefined));
    await expect.poll(() => alice.self.services).toContain("door");
    const knocks = Array.from({ length: HANDLING_MAX + 1 }, () =>
      alice.sendToId(alice.id, Uint8Array.of(1), { service: "door" }),
    );
    const refused = await Promise.race(knocks.map((knock) => knock.catch(({ code }: { code: string }) => code)));
    expect(refused).toBe("overloaded");
    door.resolve();
    await Promise.allSettled(knocks);
  });

  it("is given up for a thread that stands still", async () => {
    const { port1, port2 } = new MessageChannel();
    const ended = deferred<Error | undefined>();
    shareClient(alice, port1, { silenceMs: 50, onEnd: ended.resolve });
    port2.postMessage({ mark: "fireflies/threads/1", message: { kind: "hello", probe: Uint8Array.of(1) } });
    expect(await ended.promise).toMatchObject({ code: "timeout" });
    port1.close();
  });

  it("of messages of a topic has the deadline of a handler, and the thread is told that it is over", async () => {
    const { port1, port2 } = new MessageChannel();
    const subscribed = deferred<Required<SubscribeOptions>>();
    const fake = {
      ...{ id: alice.id, self: alice.self, stopping: new AbortController().signal },
      subscribe: async (_: string, options: Required<SubscribeOptions>) => subscribed.resolve(options),
    };
    const share = shareClient(fake as unknown as Client, port1);
    const said: { kind: string; name?: string }[] = [];
    port2.on("message", ({ message }) => said.push(message));
    const argument = { subscription: 1, topic: "slow", options: { handlerTimeout: 20 } };
    port2.postMessage({ mark: "fireflies/threads/1", message: { kind: "call", id: 0, name: "subscribe", argument } });
    const { handler } = await subscribed.promise;
    const message = { topic: "slow", data: new Uint8Array(1), from: {}, sequence: 1, at: 0, redelivered: 0 };
    await expect(handler?.(message as unknown as TopicMessage)).rejects.toMatchObject({ code: "timeout" });
    await expect.poll(() => said.at(-1)?.kind).toBe("cancel");
    share.close();
    port1.close();
  });

  it("of changes is one batch: a thread that reads no more is told of the gap when it does", async () => {
    const { port1, port2 } = new MessageChannel();
    let read = 0;
    const change = (kind: "joined" | "left") => ({ kind, member: { ...bob.self, metadata: {} }, at: 0 }) as Change;
    const fake = {
      ...{ id: alice.id, self: alice.self, members: () => [], info: () => ({ isolated: undefined }) },
      stopping: new AbortController().signal,
      async *changes() {
        for (; read < 5_000; read++) yield change(read % 2 === 0 ? "joined" : "left");
        yield { kind: "dropped", count: 7, at: 0 } as Change;
        await new Promise(() => {});
      },
    };
    const share = shareClient(fake as unknown as Client, port1);
    port2.postMessage({ mark: "fireflies/threads/1", message: { kind: "hello", probe: Uint8Array.of(1) } });
    await once(port2, "message");
    await new Promise(setImmediate);
    expect(read).toBeLessThan(300);
    share.close();

    read = 4_990;
    const { port1: other, port2: end } = new MessageChannel();
    const again = shareClient(fake as unknown as Client, other);
    const remote = await clientOver(end);
    expect(await seen(remote, ({ kind }) => kind === "dropped")).toMatchObject({ count: 7 });
    expect(remote.members()).toEqual([]);
    again.close();
    for (const port of [port1, other]) port.close();
  });
});

describe("real threads and processes", () => {
  async function ask(text: string): Promise<string> {
    await expect.poll(() => bob.members({ service: "thread" }).length, { timeout: 20_000 }).toBe(1);
    return decodeText(await bob.sendToAny("thread", encodeText(text), { timeout: 20_000 }));
  }

  it("a thread answers for its member, and its service goes when it dies", async () => {
    const worker = new Worker(THREAD, { workerData: "a thread" });
    const ended = deferred<Error | undefined>();
    shareClient(alice, worker, { onEnd: ended.resolve });
    expect(await ask("hello")).toBe("a thread of member-1 sees 1");
    await expect(ask("die")).rejects.toMatchObject({ code: "member-stopping" });
    expect(await ended.promise).toMatchObject({ code: "link-closed" });
    await expect.poll(() => bob.members({ service: "thread" }), { timeout: 20_000 }).toEqual([]);
  });

  it("a process by its channel, if that brings bytes", async () => {
    const child = fork(THREAD, ["a process"], { serialization: "advanced" });
    onTestFinished(() => void child.kill());
    const ended = deferred<Error | undefined>();
    shareClient(alice, child, { onEnd: ended.resolve });
    expect(await ask("hello")).toBe("a process of member-1 sees 1");
    child.kill();
    expect(await ended.promise).toMatchObject({ code: "link-closed" });

    const plain = fork(THREAD, ["a process"]);
    shareClient(alice, plain);
    const failed = await new Promise((resolve) => {
      plain.on("message", (message: { failed?: string }) => message.failed && resolve(message.failed));
    });
    expect(failed).toMatch(/^TypeError: .*serialization "advanced"/);
  });
});
