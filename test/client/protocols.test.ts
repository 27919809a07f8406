/** Streams by the name of a protocol: whom they reach, what is refused, limits, ends of registrations, and bytes without borders. */
import { once } from "node:events";
import type { Duplex } from "node:stream";
import { buffer } from "node:stream/consumers";
import { pipeline } from "node:stream/promises";
import { setImmediate as turn } from "node:timers/promises";
import fc from "fast-check";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { Announced } from "../../client/offers/announced.js";
import { isName, NAME_BYTES_MAX } from "../../client/offers/name.js";
import { HANDLED_MAX, Registry } from "../../client/offers/registry.js";
import { STREAMS_OF_PEER_MAX } from "../../client/talk/streams.js";
import type { HandleOptions, MessageStream, RawStreamHandler, StreamHandler } from "../../client/types.js";
import { FirefliesError } from "../../identity/index.js";
import { codeOf, deferred, OfflineNetwork, read, type TestClient, text } from "../support/network.js";

let network: OfflineNetwork;
let alice: TestClient;
let bob: TestClient;
let ending = new AbortController();

beforeAll(async () => {
  const made = await OfflineNetwork.of(2);
  network = made.network;
  [alice, bob] = made.clients as [TestClient, TestClient];
});
afterEach(() => {
  ending.abort();
  ending = new AbortController();
});
afterAll(() => network[Symbol.asyncDispose]());

/** Until the test ends. */
function handle(client: TestClient, name: string, handler: StreamHandler, options: HandleOptions = {}): void {
  client.handle(name, handler, { signal: ending.signal, ...options, raw: false });
}

function handleRaw(client: TestClient, name: string, handler: RawStreamHandler): void {
  client.handle(name, handler, { signal: ending.signal, raw: true });
}

const errorOf = async (stream: Duplex) => ((await once(stream, "error")) as [FirefliesError])[0];
const closed = async (stream: Duplex) => {
  if (!stream.closed) await once(stream, "close");
  await turn(); // A stream that was destroyed says that it is closed before its event has come.
};
async function words(stream: MessageStream): Promise<string[]> {
  const all: string[] = [];
  for await (const message of stream) all.push(read(message));
  return all;
}
const says =
  (word: string): StreamHandler =>
  async (stream) => {
    stream.end(text(`${word}: ${(await words(stream)).join(" ")}`));
  };

describe("a protocol", () => {
  it.each<[string, () => readonly [from: TestClient, to: TestClient]]>([
    ["from one end of the connection", () => [alice, bob]],
    ["from the other one", () => [bob, alice]],
    ["to oneself", () => [alice, alice]],
  ])("has a handler of its own, beside others and the nameless one, %s", async (_what, ends) => {
    const [from, to] = ends();
    to.registerStreamHandler(says("nameless"));
    for (const name of ["/chat/1.0", "/größe/2", "%2F", "/chat/1.0#a?b"]) handle(to, name, says(name));
    for (const protocol of ["/chat/1.0", undefined, "/größe/2", "%2F", "/chat/1.0#a?b"]) {
      const stream = await from.openStream(to.id, { protocol });
      stream.end(text("hello"));
      expect(await words(stream)).toEqual([`${protocol ?? "nameless"}: hello`]);
    }
  });

  it.each([
    ["a misspelt name", "/chatt/1.0", 'It handles no protocol "/chatt/1.0". Did you mean "/chat/1.0"?'],
    ["another version", "/chat/1.1", 'It handles no protocol "/chat/1.1". Did you mean "/chat/1.0"?'],
    ["a name that is like none", "/files/7", 'It handles no protocol "/files/7".'],
  ])("that nobody handles is refused at once, with the nearest name: %s", async (_what, protocol, message) => {
    handle(bob, "/chat/1.0", says("chat"));
    const stream = await alice.openStream(bob.id, { protocol });
    expect(await errorOf(stream)).toMatchObject({ code: "handler-missing", message });
  });

  it("is waited for by who asks whether it was taken, and a refusal rejects, from both ends and to oneself", async () => {
    const ends = [
      [alice, bob],
      [bob, alice],
      [alice, alice],
    ] as const;
    for (const [from, to] of ends) {
      const connected = deferred<void>();
      const name = `/later/${from.id.slice(0, 8)}/${to.id.slice(0, 8)}`;
      handle(to, `${name}/now`, says("now"));
      handle(to, `${name}/one`, () => {}, { streamsPerPeer: 1 });
      const later: StreamHandler = async (stream, context) => {
        await connected.promise;
        context.accept();
        context.accept();
        await says("later")(stream, context);
      };
      handle(to, `${name}/later`, later, { acceptsLater: true });
      handle(to, `${name}/never`, (stream) => void stream.destroy(new FirefliesError("target-unreachable")), {
        acceptsLater: true,
      });
      const open = (what: string, signal?: AbortSignal) =>
        from.openStream(to.id, { protocol: `${name}/${what}`, accepted: true, signal });
      const now = await open("now");
      now.end(text("hello"));
      expect(await words(now)).toEqual(["now: hello"]);
      const opening = open("later");
      expect(await codeOf(open("later", AbortSignal.timeout(20)))).toBe("cancelled");
      connected.resolve();
      const stream = await opening;
      stream.end(text("hello"));
      expect(await words(stream)).toEqual(["later: hello"]);
      expect(await codeOf(open("never"))).toBe("target-unreachable");
      await expect(open("nwo")).rejects.toMatchObject({
        code: "handler-missing",
        message: expect.stringContaining("Did you"),
      });
      const one = await open("one");
      expect(await codeOf(open("one"))).toBe("overloaded");
      one.destroy();
      const raw = await from.openStream(to.id, { protocol: `${name}/now`, accepted: true, raw: true });
      raw.end("hello");
      expect(String(await buffer(raw))).toBe("now: hello");
      const unasked = await from.openStream(to.id, { protocol: `${name}/later` });
      unasked.end(text("hello"));
      expect(await words(unasked)).toEqual(["later: hello"]);
    }
    await expect(alice.openStream(bob.id, { accepted: true, reconnect: true })).rejects.toThrow(TypeError);
  });

  it("is refused beyond its own limit, and others and other members' are not", async () => {
    handle(bob, "/two", () => {}, { streamsPerPeer: 2 });
    handle(bob, "/more", says("more"));
    const open = await Promise.all([1, 2].map(() => alice.openStream(bob.id, { protocol: "/two" })));
    const third = await alice.openStream(bob.id, { protocol: "/two" });
    expect(await errorOf(third)).toMatchObject({
      code: "overloaded",
      message: '2 streams of the protocol "/two" are open here, the most for one member.',
    });
    const other = await alice.openStream(bob.id, { protocol: "/more" });
    other.end(text("hello"));
    expect(await words(other)).toEqual(["more: hello"]);
    const own = await bob.openStream(bob.id, { protocol: "/two" });
    open[0]!.destroy();
    await closed(open[0]!);
    const again = await alice.openStream(bob.id, { protocol: "/two" });
    again.write(text("x"));
    for (const stream of [open[1]!, own, again]) stream.destroy();
    await Promise.all([open[1]!, own, again].map(closed));
  });

  it("may have 256 streams with one member, and no more", async () => {
    handle(bob, "/many", () => {}, { streamsPerPeer: STREAMS_OF_PEER_MAX });
    const streams: MessageStream[] = [];
    const open = async () => {
      for (;;) streams.push(await alice.openStream(bob.id, { protocol: "/many" }));
    };
    expect(await codeOf(open())).toBe("overloaded");
    expect(streams.length).toBeLessThanOrEqual(STREAMS_OF_PEER_MAX);
    expect(streams.length).toBeGreaterThan(STREAMS_OF_PEER_MAX - 16); // Some of the tests before may be ending yet.
    for (const stream of streams) stream.destroy();
    await Promise.all(streams.map(closed));
  });

  it("ends with its signal: new streams are refused, those that are open go on, and the name is free", async () => {
    const far = deferred<MessageStream>();
    const mine = new AbortController();
    handle(bob, "/passing", (stream) => far.resolve(stream), { signal: mine.signal });
    const stream = await alice.openStream(bob.id, { protocol: "/passing" });
    stream.write(text("before"));
    const opened = await far.promise;
    mine.abort();
    expect(await errorOf(await alice.openStream(bob.id, { protocol: "/passing" }))).toMatchObject({
      code: "handler-missing",
    });
    handle(bob, "/passing", says("second"));
    stream.end(text("after"));
    expect(await words(opened)).toEqual(["before", "after"]);
    opened.end();
    stream.resume();
    await closed(stream);
    const next = await alice.openStream(bob.id, { protocol: "/passing" });
    next.end(text("hello"));
    expect(await words(next)).toEqual(["second: hello"]);
  });

  it("whose handler throws ends that stream, as the nameless one does", async () => {
    const alarms: string[] = [];
    bob.registerAlarmHandler(({ code }) => alarms.push(code));
    handle(bob, "/failing", () => {
      throw new Error("secret");
    });
    const error = await errorOf(await alice.openStream(bob.id, { protocol: "/failing" }));
    expect(error.code).toBe("handler-failed");
    expect(error.message).not.toContain("secret");
    expect(alarms).toEqual(["handler-failed"]);
  });

  it.each<[string, () => unknown, object]>([
    ["a name with a space", () => alice.handle("a b", () => {}), { code: "name-invalid" }],
    ["an empty name", () => alice.handle("", () => {}), { code: "name-invalid" }],
    ["a name of 129 bytes", () => alice.handle("x".repeat(129), () => {}), { code: "name-invalid" }],
    ["no text", () => alice.handle(7 as never, () => {}), { code: "ERR_INVALID_ARG_TYPE" }],
    ["no handler", () => alice.handle("/x", undefined as never), { code: "ERR_INVALID_ARG_TYPE" }],
    ["no signal", () => alice.handle("/x", () => {}, { signal: {} as never }), { code: "ERR_INVALID_ARG_TYPE" }],
    ["no streams", () => alice.handle("/x", () => {}, { streamsPerPeer: 0 }), { code: "ERR_OUT_OF_RANGE" }],
    ["too many streams", () => alice.handle("/x", () => {}, { streamsPerPeer: 257 }), { code: "ERR_OUT_OF_RANGE" }],
    [
      "a name twice",
      () => {
        handle(alice, "/twice", () => {});
        handle(alice, "/twice", () => {});
      },
      { code: "name-taken" },
    ],
  ])("is not registered by mistake: %s", (_what, register, error) => {
    expect(register).toThrow(expect.objectContaining(error));
  });

  it("is not opened by a bad name", async () => {
    expect(await codeOf(alice.openStream(bob.id, { protocol: "a b" }))).toBe("name-invalid");
    expect(await codeOf(alice.openStream(bob.id, { protocol: "" }))).toBe("name-invalid");
  });
});

describe("a stream of bytes", () => {
  const echo: RawStreamHandler = async (stream) => {
    await pipeline(stream, stream);
  };

  it("carries bytes of any length both ways, from either end, and ends in order", async () => {
    for (const [from, to] of [
      [alice, bob],
      [bob, alice],
    ] as const) {
      handleRaw(to, "/echo", echo);
      const stream = await from.openStream(to.id, { protocol: "/echo", raw: true });
      const bytes = Buffer.alloc(3_500_001, "fireflies");
      const got = buffer(stream);
      for (const length of [0, 1, 1_048_576, 1_048_577, 1_402_847]) {
        stream.write(bytes.subarray(0, length));
      }
      stream.end("an end as text");
      const all = await got;
      expect(all.length).toBe(3_500_001 + 14);
      expect(all.subarray(-14).toString()).toBe("an end as text");
      await closed(stream);
    }
  });

  it("is closed one way while the other goes on", async () => {
    handleRaw(bob, "/late", async (stream) => {
      const all = await buffer(stream);
      stream.write("after ");
      stream.end(all);
    });
    const stream = await alice.openStream(bob.id, { protocol: "/late", raw: true });
    stream.end("the end");
    expect((await buffer(stream)).toString()).toBe("after the end");
    await closed(stream);
  });

  it("speaks with a stream of messages at the other end", async () => {
    handle(bob, "/mixed", says("messages"));
    const stream = await alice.openStream(bob.id, { protocol: "/mixed", raw: true });
    stream.end("bytes");
    expect((await buffer(stream)).toString()).toBe("messages: bytes");
  });

  it("makes its writer wait while nobody reads", async () => {
    const far = deferred<Duplex>();
    handleRaw(bob, "/slow", (stream) => far.resolve(stream));
    const stream = await alice.openStream(bob.id, { protocol: "/slow", raw: true });
    const total = 32 * 1024 * 1024;
    let written = 0;
    const writing = (async () => {
      for (; written < total; written += 65_536) if (!stream.write(new Uint8Array(65_536))) await once(stream, "drain");
      stream.end();
    })();
    const opened = await far.promise;
    expect(written).toBeLessThan(total / 2);
    let got = 0;
    for await (const chunk of opened) {
      got += (chunk as Buffer).length;
      if (got < 1_000_000) expect(written).toBeLessThan(total);
    }
    await writing;
    expect(got).toBe(total);
    opened.end();
    stream.resume();
    await closed(stream);
  });

  it.each<[string, (stream: Duplex, far: Duplex) => void, string]>([
    ["destroyed here", (stream) => stream.destroy(), "stream-reset"],
    ["destroyed here with a code", (stream) => stream.destroy(new FirefliesError("timeout")), "timeout"],
  ])("that is %s ends at both ends", async (_what, end, code) => {
    const far = deferred<Duplex>();
    handleRaw(bob, "/cut", (stream) => far.resolve(stream));
    const stream = await alice.openStream(bob.id, { protocol: "/cut", raw: true });
    stream.write("x");
    const opened = await far.promise;
    opened.resume();
    const error = errorOf(opened);
    end(stream, opened);
    expect((await error).code).toBe(code);
    await Promise.all([closed(stream), closed(opened)]);
  });

  it("ends with the code when its signal fires, also while a write waits", async () => {
    handleRaw(bob, "/cancelled", () => {});
    const abort = new AbortController();
    const stream = await alice.openStream(bob.id, { protocol: "/cancelled", raw: true, signal: abort.signal });
    while (stream.write(new Uint8Array(1_048_576))) await turn();
    const error = errorOf(stream);
    abort.abort();
    expect((await error).code).toBe("cancelled");
    await closed(stream);
  });
});

const announced = () =>
  new Announced(
    () => {},
    () => 0,
  );

describe("names", () => {
  it.each([
    ["a", true],
    ["/chat/1.0", true],
    ["helloworld.Greeter", true],
    ["größe", true],
    ["日本", true],
    ["🦋", true],
    ["x".repeat(NAME_BYTES_MAX), true],
    ["x".repeat(NAME_BYTES_MAX + 1), false],
    ["é".repeat(NAME_BYTES_MAX / 2), true],
    ["é".repeat(NAME_BYTES_MAX / 2 + 1), false],
    ["", false],
    ["a b", false],
    ["a\u00a0b", false],
    ["a\tb", false],
    ["a\0", false],
    ["a\u200bb", false],
    ["a\u202eb", false],
    ["\ud800", false],
    ["e\u0301", false],
  ])("%j: %s", (name, is) => {
    expect(isName(name)).toBe(is);
  });

  it("travel as they are, whatever is in them", async () => {
    handle(bob, "/any", says("any"));
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: "binary", maxLength: 40 }).filter(isName), async (protocol) => {
        const one = new AbortController();
        if (protocol !== "/any") handle(bob, protocol, says("it"), { signal: one.signal });
        const stream = await alice.openStream(bob.id, { protocol });
        stream.end();
        expect((await words(stream)).length).toBe(1);
        one.abort();
      }),
      { numRuns: 30 },
    );
  });

  it("that peers ask for cost little: the nearest is looked for a few times a second", () => {
    let now = 0;
    const registry = new Registry<string>({ what: "protocol", announced: announced(), now: () => now });
    registry.add("/chat/1.0", "chat");
    const told = () => (registry.find("/chat/1.1") as FirefliesError).message.includes("Did you mean");
    const answers = Array.from({ length: 30 }, told);
    expect(answers.filter((hint) => hint).length).toBe(20);
    now += 1_000;
    expect(told()).toBe(true);
  });

  it("are bounded in number, and may be anything when a peer asks", () => {
    const registry = new Registry<number>({ what: "service", announced: announced() });
    for (let index = 0; index < HANDLED_MAX; index++) registry.add(`name-${index}`, index, { announce: false });
    expect(() => registry.add("one-more", 0)).toThrow(expect.objectContaining({ code: "overloaded" }));
    for (const name of ["\u0000", " ", "x".repeat(8_000), "\ud800"]) {
      expect(registry.find(name)).toMatchObject({ code: "handler-missing" });
    }
  });
});
