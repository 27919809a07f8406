/** Streams of whole clients, over real sockets: both directions, back-pressure, and every way to end. */
import { once } from "node:events";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { STREAMS_PER_PEER_MAX } from "../../client/talk/streams.js";
import type { MessageStream, StreamHandler } from "../../client/types.js";
import type { FirefliesError } from "../../identity/index.js";
import { codeOf, deferred, OfflineNetwork, read, type TestClient, text, until, whole } from "../support/network.js";

let network: OfflineNetwork;
let alice: TestClient;
let bob: TestClient;

beforeAll(async () => {
  const made = await OfflineNetwork.of(2);
  network = made.network;
  [alice, bob] = made.clients as [TestClient, TestClient];
});
afterAll(() => network[Symbol.asyncDispose]());

async function collected(stream: MessageStream): Promise<string[]> {
  const chunks: string[] = [];
  for await (const chunk of stream) chunks.push(read(chunk));
  return chunks;
}

const errorOf = async (stream: MessageStream) => ((await once(stream, "error")) as [FirefliesError])[0].code;
const closed = async (stream: MessageStream) => {
  if (!stream.closed) await once(stream, "close");
};

const echo: StreamHandler = async (stream) => {
  for await (const chunk of stream) if (!stream.write(chunk)) await once(stream, "drain");
  stream.end();
};

describe("a stream", () => {
  it("echoes message by message, and tells the handler who opened it", async () => {
    const from: unknown[] = [];
    bob.registerStreamHandler(async (stream, context) => {
      from.push(context.from);
      await echo(stream, context);
    });
    const stream = await alice.openStream(bob.id);
    for (const word of ["one", "two", "three"]) stream.write(text(word));
    stream.end();
    expect(await collected(stream)).toEqual(["one", "two", "three"]);
    expect(from).toEqual([{ id: alice.id, address: alice.address }]);
    await closed(stream);
  });

  it("goes on one way when the other has ended, from either side", async () => {
    const got = deferred<string[]>();
    bob.registerStreamHandler(async (stream) => {
      stream.end(text("all I have to say"));
      got.resolve(await collected(stream));
    });
    const stream = await alice.openStream(bob.id);
    expect(await collected(stream)).toEqual(["all I have to say"]);
    stream.write(text("still"));
    stream.end(text("talking"));
    expect(await got.promise).toEqual(["still", "talking"]);
    await closed(stream);

    bob.registerStreamHandler(async (opened) => {
      const all = await collected(opened);
      for (let index = 0; index < 100; index++) opened.write(text(`${index}`));
      opened.end(text(all.join(" ")));
    });
    const other = await alice.openStream(bob.id);
    other.end(text("asked"));
    const answers = await collected(other);
    expect(answers.length).toBe(101);
    expect(answers.at(-1)).toBe("asked");
  });

  it("makes its writer wait while nobody reads, and then loses nothing", async () => {
    const CHUNK = 64 * 1024;
    const CHUNKS = 400;
    const opened = deferred<MessageStream>();
    bob.registerStreamHandler((stream) => {
      opened.resolve(stream);
      return new Promise((resolve) => stream.once("close", resolve));
    });
    const stream = await alice.openStream(bob.id);
    const chunk = new Uint8Array(CHUNK);
    let written = 0;
    let waits = 0;
    const writing = (async () => {
      for (; written < CHUNKS; written++) {
        if (stream.write(chunk)) continue;
        waits += 1;
        await once(stream, "drain");
      }
      stream.end();
    })();
    const far = await opened.promise;
    await quiet(() => written);
    expect(written * CHUNK).toBeLessThan(8 * 1024 * 1024);
    let received = 0;
    for await (const each of far) received += (each as Uint8Array).length;
    await writing;
    expect(received).toBe(CHUNKS * CHUNK);
    expect(waits).toBeGreaterThan(0);
    far.end();
    stream.resume();
    await closed(stream);
  });

  it("that nobody reads holds up neither messages nor other streams with the same member", async () => {
    const gate = deferred();
    const opened = deferred();
    bob.registerMessageHandler((data) => data);
    bob.registerStreamHandler(async (stream) => {
      opened.resolve();
      await gate.promise;
      stream.destroy();
    });
    const stuck = await alice.openStream(bob.id);
    // More than all windows and buffers on the way take.
    for (let count = 0; count < 16; count++) stuck.write(new Uint8Array(512 * 1024));
    await opened.promise;
    bob.registerStreamHandler(echo);
    const other = await alice.openStream(bob.id);
    for (const word of ["one", "two"]) other.write(text(word));
    other.end();
    expect(await collected(other)).toEqual(["one", "two"]);
    const large = new Uint8Array(1024 * 1024);
    expect((await alice.sendToId(bob.id, large)).length).toBe(large.length);
    expect(stuck.writableNeedDrain).toBe(true);
    gate.resolve();
    expect(await errorOf(stuck)).toBe("stream-reset");
  });

  it("that is destroyed ends at both ends, once, with a code", async () => {
    const far = deferred<MessageStream>();
    bob.registerStreamHandler((stream) => far.resolve(stream));
    const stream = await alice.openStream(bob.id);
    stream.write(text("x"));
    const opened = await far.promise;
    opened.resume();
    const error = errorOf(opened);
    stream.destroy();
    expect(await error).toBe("stream-reset");
    await Promise.all([closed(stream), closed(opened)]);
  });

  it.each<[string, StreamHandler]>([
    [
      "throws",
      () => {
        throw new Error("boom");
      },
    ],
    ["rejects", async () => Promise.reject(new Error("boom"))],
  ])("whose handler %s ends with handler-failed", async (_what, handler) => {
    bob.registerStreamHandler(handler);
    const stream = await alice.openStream(bob.id);
    expect(await errorOf(stream)).toBe("handler-failed");
    bob.registerStreamHandler(echo);
    const next = await alice.openStream(bob.id);
    next.end(text("still there"));
    expect(await collected(next)).toEqual(["still there"]);
  });

  it("to nobody, or cancelled beforehand, is refused", async () => {
    expect(await codeOf(alice.openStream("00".repeat(32)))).toBe("peer-unknown");
    expect(await codeOf(alice.openStream(bob.id, { signal: AbortSignal.abort() }))).toBe("cancelled");
  });

  it("that is cancelled while open ends with that code", async () => {
    const far = deferred<MessageStream>();
    bob.registerStreamHandler((stream) => far.resolve(stream));
    const abort = new AbortController();
    const stream = await alice.openStream(bob.id, { signal: abort.signal });
    const opened = await far.promise;
    opened.resume();
    const errors = Promise.all([errorOf(stream), errorOf(opened)]);
    abort.abort();
    expect(await errors).toEqual(["cancelled", "cancelled"]);
  });

  it("beyond the limit with one member is refused, and possible again when one has ended", async () => {
    bob.registerStreamHandler(() => {});
    const streams: MessageStream[] = [];
    for (let count = 0; count < STREAMS_PER_PEER_MAX; count++) streams.push(await alice.openStream(bob.id));
    expect(await codeOf(alice.openStream(bob.id))).toBe("overloaded");
    const [first] = streams.splice(0, 1);
    const gone = once(first!, "close");
    first!.destroy();
    await gone;
    streams.push(await alice.openStream(bob.id));
    for (const stream of streams) stream.destroy();
    await Promise.all(streams.map(closed));
  });

  it("to a member without a handler ends with that reason", async () => {
    const mute = await network.start({ entryAddrs: [alice.address] });
    await whole([alice, bob, mute]);
    expect(await errorOf(await alice.openStream(mute.id))).toBe("handler-missing");
    await mute.stop();
    await until(alice, () => !alice.ids.includes(mute.id));
    await until(bob, () => !bob.ids.includes(mute.id));
  });

  it("ends with a code, at both ends and in both directions, when a member leaves", async () => {
    const leaver = await network.start({ entryAddrs: [alice.address] });
    await whole([alice, bob, leaver]);
    const far = deferred<MessageStream>();
    alice.registerStreamHandler((stream) => far.resolve(stream));
    leaver.registerStreamHandler(() => {});
    const outgoing = await alice.openStream(leaver.id);
    const incoming = await leaver.openStream(alice.id);
    incoming.write(text("x"));
    outgoing.write(text("x"));
    const opened = await far.promise;
    opened.resume();
    const errors = Promise.all([errorOf(outgoing), errorOf(opened)]);
    await leaver.stop({ drain: 0 });
    expect(await errors).toEqual(["member-stopping", "member-stopping"]);
    expect(incoming.destroyed).toBe(true);
  });
});

/** Resolves when a figure has not changed for a hundred turns of the event loop with a timer's wait in each. */
async function quiet(figure: () => number): Promise<void> {
  for (let last = -1, same = 0; same < 20; ) {
    same = figure() === last ? same + 1 : 0;
    last = figure();
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
