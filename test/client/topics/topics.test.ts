/** Topics of whole members over real sockets and TLS: what is promised, levels, failures, limits, and bad input. */
import { once } from "node:events";
import { setImmediate as turn } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Subscription, TopicEvent, TopicMessage, Unacknowledged } from "../../../client/index.js";
import { verifyTopicMessage } from "../../../client/index.js";
import { codeOf, DEADLINE_MS, deferred, OfflineNetwork, read, type TestClient, text } from "../../support/network.js";

let network: OfflineNetwork;
let ann: TestClient;
let bob: TestClient;
let cid: TestClient;
/** A topic of each test. */
let topics = 0;
const topicOf = () => `test.t${++topics}`;

beforeAll(async () => {
  const made = await OfflineNetwork.of(3);
  network = made.network;
  [ann, bob, cid] = made.clients as [TestClient, TestClient, TestClient];
}, DEADLINE_MS);
afterAll(() => network[Symbol.asyncDispose]());

/** Handled texts, and a wait for so many. */
class Handled {
  readonly texts: string[] = [];
  readonly #come = new EventTarget();

  readonly take = (message: TopicMessage): void => {
    this.texts.push(read(message.data));
    this.#come.dispatchEvent(new Event("come"));
  };

  async until(count: number): Promise<string[]> {
    while (this.texts.length < count) await once(this.#come, "come", { signal: AbortSignal.timeout(DEADLINE_MS) });
    return this.texts;
  }
}

/** What handlers of bob's did wrong, since it was asked last: a busy machine may raise other alarms. */
function failuresOfBob(): string[] {
  const codes = bob.alarms.splice(0).map(({ code }) => code);
  return codes.filter((code) => code.startsWith("handler-"));
}

const numbered = (count: number) => Array.from({ length: count }, (_, index) => `message ${index}`);

describe("a message", () => {
  it("reaches every subscriber, this member among them, in the publisher's order", async () => {
    const topic = topicOf();
    const handled = [ann, bob, cid].map(() => new Handled());
    const subscriptions = await Promise.all(
      [ann, bob, cid].map((client, index) => client.subscribe(topic, { handler: handled[index]!.take })),
    );
    const sent = numbered(200);
    const published = await Promise.all(sent.map((each) => ann.publish(topic, text(each), { ack: "all" })));
    expect(published.map(({ sequence }) => sequence)).toEqual(sent.map((_, index) => index + 1));
    for (const each of handled) expect(await each.until(200)).toEqual(sent);
    expect(
      ann
        .subscribers(topic)
        .map(({ id }) => id)
        .sort(),
    ).toEqual([ann.id, bob.id, cid.id].sort());
    await Promise.all(subscriptions.map((each) => each.unsubscribe()));
  });

  it("says who published it, which a proof shows to anybody", async () => {
    const topic = topicOf();
    const got = deferred<TopicMessage>();
    const subscription = await bob.subscribe(topic, { handler: (message) => got.resolve(message) });
    await ann.publish(topic, text("17 bottles"));
    const message = await got.promise;
    expect(message).toMatchObject({ topic, sequence: 1, redelivered: 0, from: { id: ann.id } });
    const roots = [network.authority.root];
    expect(verifyTopicMessage(message.proof(), { roots })).toMatchObject({ topic, publisher: ann.id, sequence: 1 });
    await subscription.unsubscribe();
  });

  it("reaches patterns, and no others", async () => {
    const [one, rest] = [new Handled(), new Handled()];
    const subscriptions = [
      await bob.subscribe("pattern.*", { handler: one.take }),
      await cid.subscribe("pattern.>", { handler: rest.take }),
    ];
    for (const topic of ["pattern.a", "pattern.a.b", "pattern", "other.a"])
      await ann.publish(topic, text(topic), { ack: "all" });
    expect([one.texts, rest.texts]).toEqual([["pattern.a"], ["pattern.a", "pattern.a.b"]]);
    await Promise.all(subscriptions.map((each) => each.unsubscribe()));
  });

  it("of 1 MiB goes, and a longer one is refused", async () => {
    const topic = topicOf();
    const got = deferred<number>();
    const subscription = await bob.subscribe(topic, { handler: ({ data }) => got.resolve(data.length) });
    await ann.publish(topic, new Uint8Array(1024 * 1024), { ack: "all" });
    expect(await got.promise).toBe(1024 * 1024);
    expect(await codeOf(ann.publish(topic, new Uint8Array(1024 * 1024 + 1)))).toBe("message-too-large");
    await subscription.unsubscribe();
  });

  it("with nobody to hear it is published all the same", async () => {
    expect(await ann.publish(topicOf(), text("x"), { ack: "all" })).toMatchObject({ sequence: 1 });
  });
});

describe("a loop", () => {
  it("acknowledges one by one, and its end unsubscribes", async () => {
    const topic = topicOf();
    const subscription = await bob.subscribe(topic);
    const all = ann.publish(topic, text("1"), { ack: "all" });
    const seen: string[] = [];
    for await (const message of subscription) {
      seen.push(read(message.data));
      message.ack();
      if (seen.length === 1) await all;
      if (seen.length === 3) break;
      await ann.publish(topic, text(String(seen.length + 1)));
    }
    expect([seen, subscription.closed]).toEqual([["1", "2", "3"], true]);
    expect(ann.subscribers(topic).length).toBeLessThanOrEqual(1); // Others hear of the end in a moment.
  });
});

describe("a loop that is drained", () => {
  it("and that nobody reads ends at once", async () => {
    const topic = topicOf();
    const subscription = await bob.subscribe(topic);
    await ann.publish(topic, text("unread"), { ack: "some" });
    await subscription.drain();
    expect(subscription.closed).toBe(true);
  });

  it("and reads no more ends when it has taken nothing for as long as a handler may take", async () => {
    const topic = topicOf();
    const subscription = await bob.subscribe(topic, { handlerTimeout: 100, attempts: 2 });
    const reading = subscription[Symbol.asyncIterator]();
    for (const each of ["read", "unread"]) await ann.publish(topic, text(each), { ack: "some" });
    const first = await reading.next();
    expect(read((first.value as TopicMessage).data)).toBe("read");
    (first.value as TopicMessage).ack();
    await subscription.drain();
    expect([subscription.closed, subscription.figures.acknowledged]).toEqual([true, 1]);
  });

  it("goes on while it is read", async () => {
    const topic = topicOf();
    const subscription = await bob.subscribe(topic);
    for (const each of ["one", "two"]) await ann.publish(topic, text(each), { ack: "some" });
    const drained = subscription.drain();
    const seen: string[] = [];
    for await (const message of subscription) {
      seen.push(read(message.data));
      message.ack();
    }
    await drained;
    expect(seen).toEqual(["one", "two"]);
  });
});

describe("acknowledgement", () => {
  it("waits for the handler, and names who is missing", async () => {
    const topic = topicOf();
    const gate = deferred();
    const subscription = await bob.subscribe(topic, { handler: () => gate.promise });
    const error = await ann
      .publish(topic, text("x"), { ack: "all", timeout: 500 })
      .catch((thrown: Unacknowledged) => thrown);
    expect(error).toMatchObject({ code: "unacknowledged", missing: [bob.id] });
    expect(await ann.publish(topic, text("y"), { ack: "some" })).toMatchObject({ sequence: 2 });
    gate.resolve();
    await ann.publish(topic, text("z"), { ack: "all" });
    await subscription.drain();
    expect(subscription.figures).toMatchObject({ acknowledged: 3, inFlight: 0, waiting: 0 });
  });

  it("of a handler that throws comes with a later attempt, in order, and others are not held up", async () => {
    const topic = topicOf();
    const [failing, fine] = [[] as string[], new Handled()];
    let left = 2;
    const subscriptions = [
      await bob.subscribe(topic, {
        handler: ({ data, redelivered }) => {
          failing.push(`${read(data)} ${redelivered}`);
          if (read(data) === "1" && left-- > 0) throw new Error("not now");
        },
      }),
      await cid.subscribe(topic, { handler: fine.take }),
    ];
    const published = ["0", "1", "2"].map((each) => ann.publish(topic, text(each), { ack: "all" }));
    expect(await fine.until(3)).toEqual(["0", "1", "2"]);
    await Promise.all(published);
    expect(failing).toEqual(["0 0", "1 0", "1 1", "1 2", "2 0"]);
    expect(failuresOfBob()).toEqual(["handler-failed", "handler-failed"]);
    await Promise.all(subscriptions.map((each) => each.unsubscribe()));
  });

  it("of a handler that goes on failing is the dead-letter handler's", async () => {
    const topic = topicOf();
    const dead = deferred<string>();
    const subscription = await bob.subscribe(topic, {
      attempts: 2,
      handler: () => Promise.reject(new Error("never")),
      deadLetter: ({ data, redelivered }, error) =>
        dead.resolve(`${read(data)} ${redelivered} ${(error as Error).message}`),
    });
    await ann.publish(topic, text("x"), { ack: "all" });
    expect(await dead.promise).toBe("x 2 never");
    expect(subscription.figures).toMatchObject({ deadLettered: 1 });
    bob.alarms.splice(0);
    await subscription.unsubscribe();
  });

  it("of a handler that never resolves ends with its time, and the message comes again", async () => {
    const topic = topicOf();
    const seen: number[] = [];
    const subscription = await bob.subscribe(topic, {
      handlerTimeout: 200,
      handler: ({ redelivered }) => {
        seen.push(redelivered);
        return redelivered === 0 ? new Promise(() => {}) : undefined;
      },
    });
    await ann.publish(topic, text("x"), { ack: "all" });
    expect(seen).toEqual([0, 1]);
    expect(failuresOfBob()).toEqual(["handler-timeout"]);
    await subscription.unsubscribe();
  });
});

describe("bad input", () => {
  it.each([
    ["", "is empty"],
    ["a b", "has a blank in it"],
    ["a..b", "has an empty token"],
    [".a", "has an empty token"],
    ["a\0b", "has a control"],
    ["x".repeat(10_000), "is too long"],
    ["$SYS.a", "has a reserved first token"],
    ["a.*", "has a wildcard where none may be"],
  ])("the topic %j is refused with a code and a reason", async (topic, reason) => {
    const error = await ann.publish(topic, text("x")).catch((thrown: Error) => thrown);
    expect(error).toMatchObject({ code: "topic-invalid", message: expect.stringContaining(reason) });
  });

  it.each([
    ["a.*b", {}, "topic-invalid"],
    ["a.>.b", {}, "topic-invalid"],
    ["a", { durable: "a b" }, "name-invalid"],
    ["a", { queue: "" }, "name-invalid"],
    ["a", { signal: AbortSignal.abort() }, "cancelled"],
  ] as const)("a subscription to %j with %j is refused", async (topic, options, code) => {
    expect(await codeOf(ann.subscribe(topic, options))).toBe(code);
  });

  it("of programs without a type checker is a TypeError or a RangeError", async () => {
    await expect(ann.publish("a", "text" as never)).rejects.toThrow(TypeError);
    await expect(ann.publish("a", text("x"), { ack: "most" as never })).rejects.toThrow(TypeError);
    await expect(ann.publish("a", text("x"), { timeout: 0 })).rejects.toThrow(RangeError);
    await expect(ann.subscribe("a", { maxInFlight: 0 })).rejects.toThrow(RangeError);
    await expect(ann.subscribe("a", { attempts: 1.5 })).rejects.toThrow(RangeError);
    await expect(ann.subscribe("a", { handler: "f" as never })).rejects.toThrow(TypeError);
  });

  it("a call that is cancelled while it waits says so", async () => {
    const topic = topicOf();
    const subscription = await bob.subscribe(topic, { handler: () => new Promise(() => {}) });
    const ending = new AbortController();
    const call = codeOf(ann.publish(topic, text("x"), { ack: "all", signal: ending.signal }));
    await turn();
    ending.abort();
    expect(await call).toBe("cancelled");
    await subscription.unsubscribe();
  });
});

describe("a subscriber that does not keep up", () => {
  it("loses its own messages, is told how many, and holds up nobody", { timeout: 2 * DEADLINE_MS }, async () => {
    const topic = topicOf();
    const gate = deferred();
    const events: TopicEvent[] = [];
    const fine = new Handled();
    const slow: Subscription = await bob.subscribe(topic, {
      handlerTimeout: 600_000,
      handler: () => gate.promise,
      onEvent: (event) => void events.push(event),
    });
    const quick = await cid.subscribe(topic, { handler: fine.take });
    const data = new Uint8Array(512 * 1024);
    for (let index = 0; index < 200; index++) await ann.publish(topic, data);
    expect((await fine.until(200)).length).toBe(200);
    gate.resolve();
    await ann.publish(topic, data, { ack: "all", timeout: DEADLINE_MS });
    const lost = events.reduce((sum, event) => sum + (event.kind === "lost" ? event.count : 0), 0);
    expect(lost).toBeGreaterThan(0);
    expect(slow.figures.acknowledged + lost).toBe(201);
    expect(slow.figures.lost).toBe(lost);
    await Promise.all([slow.unsubscribe(), quick.unsubscribe()]);
  });
});

describe("a member that stops", () => {
  it("lets handlers end, and its publishers have what they acknowledged", async () => {
    const dan = await network.start({ entryAddrs: [ann.address] });
    await ann.waitForMembers(3);
    const topic = topicOf();
    const [begun, gate] = [deferred(), deferred()];
    await dan.subscribe(topic, {
      handler: () => {
        begun.resolve();
        return gate.promise;
      },
    });
    const published = ann.publish(topic, text("x"), { ack: "all" });
    await begun.promise;
    const stopped = dan.stop();
    expect(await codeOf(dan.publish(topic, text("y")))).toBe("member-stopping");
    gate.resolve();
    await Promise.all([stopped, published]);
    expect(dan.alarms).toEqual([]);
  });
});
