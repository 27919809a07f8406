/** Queue groups and last values of whole members, over wires in memory. */
import { once } from "node:events";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { SubscribeOptions, TopicMessage } from "../../../client/index.js";
import { MemoryNetwork } from "../../../net/index.js";
import { DEADLINE_MS, OfflineNetwork, read, type TestClient, text } from "../../support/network.js";

const wires = new MemoryNetwork();
let network: OfflineNetwork;
let ann: TestClient;
let workers: TestClient[];
/** A topic of each test. */
let topics = 0;
const topicOf = () => `group.t${++topics}`;

beforeAll(async () => {
  const made = await OfflineNetwork.of(5, { wires });
  network = made.network;
  [ann, ...workers] = made.clients as [TestClient, ...TestClient[]];
}, DEADLINE_MS);
afterAll(() => network[Symbol.asyncDispose]());

/** What several handlers were handed, and a wait for something of it. */
class Handled {
  readonly texts: string[][] = [];
  readonly #come = new EventTarget();

  /** Of one more subscription. */
  taker(run: (message: TopicMessage) => Promise<void> | void = () => {}): (message: TopicMessage) => Promise<void> {
    const texts: string[] = [];
    this.texts.push(texts);
    return async (message) => {
      texts.push(read(message.data));
      await run(message);
      this.#come.dispatchEvent(new Event("come"));
    };
  }

  get all(): string[] {
    return this.texts.flat();
  }

  async until(isEnough: () => boolean): Promise<void> {
    while (!isEnough()) await once(this.#come, "come", { signal: AbortSignal.timeout(DEADLINE_MS) });
  }
}

const numbered = (count: number) => Array.from({ length: count }, (_, index) => `m${index}`);
const sorted = (texts: readonly string[]) => [...texts].sort();

async function group(clients: readonly TestClient[], topic: string, handled: Handled, options: SubscribeOptions = {}) {
  const subscribe = (client: TestClient) =>
    client.subscribe(topic, { queue: "workers", handler: handled.taker(), ...options });
  return await Promise.all(clients.map(subscribe));
}

describe("a queue", () => {
  it("hands each message to one of its members, and publish waits until it is handled", async () => {
    const topic = topicOf();
    const [handled, audited] = [new Handled(), new Handled()];
    const [one, two, three, audit] = workers as [TestClient, TestClient, TestClient, TestClient];
    const subscriptions = await group([one, two, three], topic, handled);
    subscriptions.push(await audit.subscribe(topic, { handler: audited.taker() }));
    expect(
      ann
        .subscribers(topic)
        .map(({ queue }) => queue)
        .sort(),
    ).toEqual(["workers", "workers", "workers", undefined]);
    await Promise.all(numbered(300).map((each) => ann.publish(topic, text(each), { ack: "all" })));
    expect(sorted(handled.all)).toEqual(sorted(numbered(300)));
    for (const texts of handled.texts) expect(texts.length).toBeGreaterThan(50);
    expect(audited.all).toEqual(numbered(300));
    await Promise.all(subscriptions.map((each) => each.unsubscribe()));
  });

  it("of several subscriptions of one member, its own messages among them, hands each to one", async () => {
    const topic = topicOf();
    const handled = new Handled();
    const subscriptions = await group([ann, ann, workers[0]!], topic, handled);
    await Promise.all(numbered(120).map((each) => ann.publish(topic, text(each), { ack: "all" })));
    await handled.until(() => handled.all.length >= 120);
    expect(sorted(handled.all)).toEqual(sorted(numbered(120)));
    for (const texts of handled.texts) expect(texts.length).toBeGreaterThan(10);
    await Promise.all(subscriptions.map((each) => each.unsubscribe()));
  });

  it("loses nothing while members come and drain", {
    timeout: 2 * DEADLINE_MS,
  }, async () => {
    const topic = topicOf();
    const handled = new Handled();
    const [one, two, three] = workers as [TestClient, TestClient, TestClient];
    const [, leaving] = await group([one, two], topic, handled);
    const published: Promise<unknown>[] = [];
    let sent = 0;
    let isOver = false;
    const publishing = (async () => {
      while (!isOver) {
        published.push(ann.publish(topic, text(`m${sent++}`), { ack: "all" }));
        await ann.publish(topic, text(`m${sent++}`), { ack: "all" });
      }
    })();
    await handled.until(() => handled.all.length > 20);
    await group([three], topic, handled);
    await handled.until(() => (handled.texts[2]?.length ?? 0) > 20);
    await leaving!.drain();
    isOver = true;
    await publishing;
    await Promise.all(published);
    expect(new Set(handled.all)).toEqual(new Set(numbered(sent)));
  });
});

describe("a subscription with the last value", () => {
  it("gets the newest message of each publisher at once, and then what follows", async () => {
    const topic = topicOf();
    for (const each of ["1", "2", "3"]) await ann.publish(topic, text(each));
    const handled = new Handled();
    const [bob, cid] = workers as [TestClient, TestClient];
    await bob.publish(topic, text("of bob"));
    const subscription = await cid.subscribe(topic, { last: true, handler: handled.taker() });
    await handled.until(() => handled.all.length >= 2);
    expect(sorted(handled.all)).toEqual(["3", "of bob"]);
    await ann.publish(topic, text("4"), { ack: "all" });
    expect(handled.all.slice(2)).toEqual(["4"]);
    await subscription.unsubscribe();
  });
});

// Last: its member is gone then.
it("a member that stops in the middle leaves what it had in hand to the others", {
  timeout: 3 * DEADLINE_MS,
}, async () => {
  const topic = topicOf();
  const handled = new Handled();
  const dead = workers[3]!;
  const others = workers.slice(0, 3);
  await Promise.all([
    ...others.map((client) => client.subscribe(topic, { queue: "workers", handler: handled.taker() })),
    dead.subscribe(topic, { queue: "workers", handler: () => new Promise<void>(() => {}) }),
  ]);
  const published = numbered(80).map((each) => ann.publish(topic, text(each), { ack: "all", timeout: DEADLINE_MS }));
  await handled.until(() => handled.all.length > 20);
  await dead.stop({ drain: 0 });
  await Promise.all(published);
  // One that a busy machine takes for dead for a while may handle a message as well.
  expect(new Set(handled.all)).toEqual(new Set(numbered(80)));
});
