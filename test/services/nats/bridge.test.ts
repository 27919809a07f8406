/** A bridge between topics and a real nats-server with mutual TLS and JetStream: both ways, away and back, several of them. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { jetstream, jetstreamManager } from "@nats-io/jetstream";
import type { Msg, NatsConnection } from "@nats-io/transport-node";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import type { Client, Member, MemberId, SubscribeOptions, TopicMessage } from "../../../client/index.js";
import { Bridges } from "../../../services/nats/bridge/bridges.js";
import { networkOf } from "../../../services/nats/bridge/subjects.js";
import {
  type BridgeClient,
  connectNats,
  fromNats,
  NatsBridge,
  type NatsBridgeOptions,
  natsRequest,
  type StreamMessage,
  serviceSubject,
} from "../../../services/nats/index.js";
import { startTestNetwork, type TestNetwork } from "../../../testing/index.js";
import { HAS_NATS_SERVER, PlainNats } from "../../support/nats-server.js";

/** As a program that has no overlay. */
let nats: NatsConnection;

/** Waits for something that others do: a round trip with the server at each look. */
async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await nats.flush();
}

const text = (data: Uint8Array) => Buffer.from(data).toString();

/** What a bridge needs of members, in memory: everybody hears all topics; what is not acknowledged is kept. */
class FakeOverlay {
  readonly members: FakeMember[] = [];
  readonly published: { topic: string; data: Uint8Array }[] = [];
  sequence = 0;

  publish(topic: string, data: Uint8Array): void {
    this.published.push({ topic, data });
    this.sequence += 1;
    for (const member of this.members) member.hear(topic, data, this.sequence);
  }
}

const idOf = (digit: string) => digit.repeat(64) as MemberId;

class FakeMember {
  readonly unacknowledged = new Set<number>();
  #handler: SubscribeOptions["handler"];
  #changed = () => {};

  constructor(
    readonly overlay: FakeOverlay,
    readonly id: MemberId,
    readonly network: string,
  ) {
    overlay.members.push(this);
  }

  hear(topic: string, data: Uint8Array, sequence: number): void {
    if (this.#handler === undefined) return;
    this.unacknowledged.add(sequence);
    const from = { id: "f".repeat(64), name: "author", address: "" };
    const message = {
      topic,
      data,
      sequence,
      at: 0,
      redelivered: 0,
      from,
      ack: () => {},
      proof: () => new Uint8Array(),
    };
    const handled = Promise.resolve(this.#handler(message as unknown as TopicMessage));
    void handled.then(() => this.unacknowledged.delete(sequence));
  }

  /** It is gone from the others' view. */
  die(): void {
    this.overlay.members.splice(this.overlay.members.indexOf(this), 1);
    for (const other of this.overlay.members) other.#changed();
  }

  get client(): BridgeClient {
    const { overlay } = this;
    const subscription = { unsubscribe: async () => {} };
    const changes = async function* (this: void, signal: AbortSignal, changed: (run: () => void) => void) {
      while (!signal.aborted) {
        await new Promise<void>((done) => {
          changed(done);
          signal.addEventListener("abort", () => done());
        });
        yield {};
      }
    };
    return {
      id: this.id,
      info: () => ({ network: this.network }),
      stopping: new AbortController().signal,
      serve: () => {},
      subscribe: async (_: string, { handler }: SubscribeOptions) => {
        this.#handler = handler;
        return subscription;
      },
      publish: async (topic: string, data: Uint8Array) => overlay.publish(topic, data),
      members: () => overlay.members.filter((other) => other !== this).map(({ id }) => ({ id }) as Member),
      changes: ({ signal }: { signal: AbortSignal }) => changes(signal, (run) => (this.#changed = run)),
      sendToAny: () => Promise.reject(new Error("not here")),
    } as unknown as BridgeClient;
  }
}

/** One that the first of two brings, when both believe each other. */
function topicOf(first: FakeMember, second: FakeMember): string {
  const offering = () => [{ id: second.id }] as unknown as readonly Member[];
  const bridges = new Bridges({ me: first.id, rules: [{ kind: "any" }], offering, onRefused: () => {} });
  return Array.from({ length: 64 }, (_, nth) => `t${nth}`).find((topic) => bridges.isMine(topic)) as string;
}

describe.skipIf(!HAS_NATS_SERVER)("a bridge to a real server (needs nats-server)", () => {
  let server: PlainNats;
  let network: TestNetwork;
  let members: readonly Client[];
  const directory = mkdtempSync(join(tmpdir(), "ff-bridge-"));
  const rootFile = join(directory, "root.pem");
  let named = 0;

  beforeAll(async () => {
    server = await PlainNats.start();
    nats = await connectNats(server.as());
    network = await startTestNetwork({ members: 2 });
    members = network.members;
    writeFileSync(rootFile, (await network.identity("nobody")).root);
  });
  afterAll(async () => {
    await network?.stop();
    await nats?.close();
    await server?.[Symbol.asyncDispose]();
    rmSync(directory, { recursive: true, force: true });
  });

  interface Opened {
    readonly bridge: NatsBridge;
    readonly prefix: string;
    readonly troubles: string[];
  }

  /** A bridge with subjects and a stream of its own. */
  async function opened(client: BridgeClient, options: Partial<NatsBridgeOptions> = {}): Promise<Opened> {
    const name = options.prefix?.slice(0, -1) ?? `t${named++}`;
    const troubles: string[] = [];
    const bridge = new NatsBridge(client, {
      ...server.as(),
      ...{ prefix: `${name}.`, jetStream: { name }, rootFiles: [rootFile] },
      onTrouble: ({ code }) => troubles.push(code),
      ...options,
    });
    onTestFinished(() => bridge.stop());
    await bridge.start();
    return { bridge, prefix: `${name}.`, troubles };
  }

  const connected = async (options: Opened) => {
    await until(() => options.bridge.figures().connected);
    return options;
  };

  /** All that NATS hands out below a prefix. */
  async function listening(prefix: string): Promise<Msg[]> {
    const got: Msg[] = [];
    const subscription = nats.subscribe(`${prefix}>`, { callback: (_, message) => void got.push(message) });
    onTestFinished(() => subscription.unsubscribe());
    await nats.flush();
    return got;
  }

  it.each([true, false])(
    "brings topics to subjects with their author's signature (JetStream: %s)",
    async (isStream) => {
      const [alice] = members as [Client];
      const more = isStream ? {} : { jetStream: false };
      const { bridge, prefix } = await connected(await opened(alice, { toNats: ["orders.>"], ...more }));
      const got = await listening(prefix);
      await Promise.all(["one", "two"].map((each) => alice.publish("orders.eu", Buffer.from(each), { ack: "all" })));
      await until(() => got.length === 2 && bridge.figures().exported === 2);
      expect(got.map((message) => [message.subject, message.string()])).toEqual([
        [`${prefix}orders.eu`, "one"],
        [`${prefix}orders.eu`, "two"],
      ]);
      expect(got[0]!.headers?.get("Ff-Author")).toBe(alice.id);
      expect(got[0]!.headers?.get("Ff-Path")).toBe(networkOf(alice.info().network));
      expect(got.map((message) => message.headers?.has("Ff-Signature"))).toEqual([true, false]);
    },
  );

  it.each([true, false])("brings subjects to topics, marked, and no loop (JetStream: %s)", async (isStream) => {
    const overlay = new FakeOverlay();
    const member = new FakeMember(overlay, idOf("a"), "ab".repeat(32));
    const options = { toNats: [">"], fromNats: ["in.>"], ...(isStream ? {} : { jetStream: false }) };
    const { bridge, prefix } = await connected(await opened(member.client, options));
    const got = await listening(prefix);
    nats.publish(`${prefix}in.a`, "hello");
    nats.publish(`${prefix}out.a`, "not allowed");
    overlay.publish("in.b", Buffer.from("from a member"));
    await until(() => overlay.published.length === 2 && got.length === 3);
    await until(() => member.unacknowledged.size === 0 && bridge.figures().loops === 1);
    const [, brought] = overlay.published.toSorted((a, b) => a.data.length - b.data.length);
    expect(fromNats(brought!.data).nats).toMatchObject({ subject: `${prefix}in.a`, path: ["nats"], author: undefined });
    expect([brought!.topic, text(fromNats(brought!.data).data)]).toEqual(["in.a", "hello"]);
    expect(got.length).toBe(3);
  });

  it("loses nothing while NATS is away, and brings it when it is back", async () => {
    const overlay = new FakeOverlay();
    const own = await PlainNats.start();
    onTestFinished(() => own[Symbol.asyncDispose]());
    await own.kill();
    const member = new FakeMember(overlay, idOf("a"), "ab".repeat(32));
    const { bridge, troubles } = await opened(member.client, { ...own.as(), toNats: [">"] });
    overlay.publish("a", Buffer.from("before it was there"));
    await until(() => troubles.includes("nats-unreachable"));
    expect([bridge.figures().waiting, member.unacknowledged.size]).toEqual([1, 1]);
    await own.resume();
    await until(() => bridge.figures().exported === 1);
    await own.kill();
    overlay.publish("a", Buffer.from("while it was away"));
    await until(() => !bridge.figures().connected);
    await own.resume();
    await until(() => member.unacknowledged.size === 0);
    const there = await connectNats(own.as());
    onTestFinished(() => there.close());
    const [stream] = await (await jetstreamManager(there)).streams.list().next();
    expect(stream?.state.messages).toBe(2);
  });

  it("several of them bring each message once, and another goes on when one dies", async () => {
    const overlay = new FakeOverlay();
    const [first, second] = [idOf("a"), idOf("b")].map((id) => new FakeMember(overlay, id, "ab".repeat(32))) as [
      FakeMember,
      FakeMember,
    ];
    const topic = topicOf(first, second);
    const one = await connected(await opened(first.client, { toNats: [">"], bridges: ["*"] }));
    const two = await connected(
      await opened(second.client, {
        ...{ toNats: [">"], bridges: ["*"], prefix: one.prefix },
        jetStream: { name: one.prefix.slice(0, -1) },
      }),
    );
    for (let count = 0; count < 5; count++) overlay.publish(topic, Buffer.from(`${count}`));
    await until(() => one.bridge.figures().exported === 5);
    // The one that stands by acknowledges what it has seen in the stream, and not before.
    await until(() => second.unacknowledged.size === 0);
    expect(two.bridge.figures()).toMatchObject({ exported: 0, standing: 0 });
    // It dies with messages that it has taken and not brought.
    await one.bridge.stop();
    for (let count = 5; count < 10; count++) overlay.publish(topic, Buffer.from(`${count}`));
    await until(() => two.bridge.figures().standing === 5);
    expect(second.unacknowledged.size).toBe(5);
    first.die();
    await until(() => two.bridge.figures().exported === 5 && second.unacknowledged.size === 0);
    const { state } = await (await jetstreamManager(nats)).streams.info(one.prefix.slice(0, -1));
    expect(state.messages).toBe(10);
  });

  it("a member that no rule names swallows nothing by saying that it bridges", async () => {
    const overlay = new FakeOverlay();
    const [liar, honest] = [idOf("a"), idOf("b")].map((id) => new FakeMember(overlay, id, "ab".repeat(32))) as [
      FakeMember,
      FakeMember,
    ];
    const topic = topicOf(liar, honest);
    const { bridge, troubles } = await connected(await opened(honest.client, { toNats: [">"], bridges: ["bridge-*"] }));
    overlay.publish(topic, Buffer.from("kept"));
    await until(() => bridge.figures().exported === 1 && honest.unacknowledged.size === 0);
    expect(troubles).toEqual(["peer-refused"]);
  });

  it("brings the true message where another one has taken its id in the stream", async () => {
    const overlay = new FakeOverlay();
    const member = new FakeMember(overlay, idOf("a"), "ab".repeat(32));
    const { bridge, prefix } = await connected(await opened(member.client, { toNats: [">"] }));
    const got = await listening(prefix);
    await jetstream(nats).publish(`${prefix}a`, "false", { msgID: `${"f".repeat(32)}:1` });
    overlay.publish("a", Buffer.from("true"));
    await until(() => bridge.figures().exported === 1 && member.unacknowledged.size === 0);
    await nats.flush();
    const manager = await jetstreamManager(nats);
    const stored = await Promise.all([1, 2].map((seq) => manager.streams.getMessage(prefix.slice(0, -1), { seq })));
    expect(stored.map((message) => text(message!.data))).toEqual(["false", "true"]);
    expect(got.length).toBeGreaterThan(1);
  });

  it("serves who comes late from the stream, with authors proven", async () => {
    const [alice] = members as [Client];
    const { bridge, prefix } = await connected(await opened(alice, { toNats: ["old.>"] }));
    await Promise.all(["one", "two"].map((each) => alice.publish("old.a", Buffer.from(each), { ack: "none" })));
    await until(() => bridge.figures().exported === 2);
    nats.publish(`${prefix}old.b`, "of a stranger");
    const got: StreamMessage[] = [];
    let isBroken = true;
    const handler = (message: StreamMessage) => {
      if (isBroken) {
        isBroken = false;
        throw new Error("once");
      }
      got.push(message);
    };
    await bridge.subscribe("old.>", { durable: "audit", handler });
    await until(() => got.length === 3);
    expect(got.map(({ data, from }) => `${text(data)} ${from?.name}`).toSorted()).toEqual([
      "of a stranger undefined",
      "one member-1",
      "two member-1",
    ]);
  });

  it("brings requests both ways, and says when nobody answers", async () => {
    const [alice, bob] = members as [Client, Client];
    bob.serve("echo", (data) => data);
    const bridges = [alice.id];
    const { prefix } = await connected(await opened(alice, { requests: ["ask.>"], services: ["echo"] }));
    expect(prefix).toBeDefined();
    const answers = nats.subscribe("ask.time", { callback: (_, message) => void message.respond("noon") });
    const silent = nats.subscribe("ask.silent", { callback: () => {} });
    await nats.flush();
    expect(text(await natsRequest(bob, "ask.time", Buffer.from("?"), { bridges }))).toBe("noon");
    await expect(natsRequest(bob, "ask.nobody", Buffer.from("?"), { bridges })).rejects.toMatchObject({
      code: "peer-unreachable",
    });
    await expect(natsRequest(bob, "ask.silent", Buffer.from("?"), { bridges, timeout: 50 })).rejects.toMatchObject({
      code: "timeout",
    });
    await expect(natsRequest(bob, "other", Buffer.from("?"), { bridges })).rejects.toMatchObject({
      code: "nats-forbidden",
    });
    for (const subscription of [answers, silent]) subscription.unsubscribe();
    const subject = serviceSubject(alice.info().network, "echo");
    await until(() => alice.members({ service: "echo" }).length === 1);
    expect((await nats.request(subject, "hello", { timeout: 10_000 })).string()).toBe("hello");
  });

  it.each(["consumer", "stream"])(
    "notices that an operator has deleted its %s, tells it, and makes it anew",
    async (what) => {
      const overlay = new FakeOverlay();
      const member = new FakeMember(overlay, idOf("a"), "ab".repeat(32));
      const { bridge, prefix, troubles } = await connected(
        await opened(member.client, { toNats: [">"], fromNats: ["in.>"] }),
      );
      const stream = prefix.slice(0, -1);
      nats.publish(`${prefix}in.a`, "one");
      await until(() => bridge.figures().imported === 1);
      const manager = await jetstreamManager(nats);
      const [consumer] = await manager.consumers.list(stream).next();
      if (what === "stream") await manager.streams.delete(stream);
      else await manager.consumers.delete(stream, consumer!.name);
      overlay.publish("out.a", Buffer.from("finds no stream")); // Else the deletion is noticed when heartbeats are missed.
      await until(() => troubles.includes("nats-stream-differs"));
      await until(() => bridge.figures().connected);
      nats.publish(`${prefix}in.b`, "two");
      await until(() => overlay.published.some(({ topic }) => topic === "in.b"));
      await until(() => bridge.figures().waiting === 0 && member.unacknowledged.size === 0);
    },
  );

  it("says what is wrong with its place in NATS, and loses nothing", async () => {
    const manager = await jetstreamManager(nats);
    await manager.streams.add({ name: "taken", subjects: ["elsewhere.>"] });
    const scenes: readonly [Partial<NatsBridgeOptions>, string][] = [
      [{ prefix: "u1.", jetStream: { name: "taken" } }, "nats-stream-differs"],
      [{ ...server.as(), password: "wrong" }, "nats-refused"],
      [server.stranger, "nats-refused"],
      [{ ...server.as("limited"), jetStream: false, prefix: "no." }, "nats-forbidden"],
    ];
    for (const [options, code] of scenes) {
      const overlay = new FakeOverlay();
      const member = new FakeMember(overlay, idOf("a"), "ab".repeat(32));
      const { troubles } = await opened(member.client, { toNats: [">"], fromNats: [">"], ...options });
      overlay.publish("a", Buffer.from("kept"));
      await until(() => troubles.includes(code));
      if (code !== "nats-forbidden") expect(member.unacknowledged.size).toBe(1);
    }
  });
});
