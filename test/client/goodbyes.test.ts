/** A stop, seen from both sides over real sockets: what runs ends in order, what is new is refused, and the rest is cut. */
import { once } from "node:events";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { setImmediate as turn } from "node:timers/promises";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { ClientOptions } from "../../client/config/index.js";
import { MESSAGE_BYTES_MAX } from "../../client/protocols.js";
import type { MessageStream } from "../../client/types.js";
import type { FirefliesError } from "../../identity/index.js";
import {
  codeOf,
  deferred,
  nextChange,
  OfflineNetwork,
  read,
  type TestClient,
  text,
  until,
  whole,
} from "../support/network.js";

/** Longer than any test may take: who waits for it by mistake fails. */
const LONG_MS = 3_600_000;
/** Short, for what is to be cut. */
const SHORT_MS = 50;

let network: OfflineNetwork;
let alice: TestClient;
let bob: TestClient;

beforeAll(async () => {
  const made = await OfflineNetwork.of(2);
  network = made.network;
  [alice, bob] = made.clients as [TestClient, TestClient];
});
beforeEach(() => {
  alice.registerMessageHandler((data) => data);
  alice.registerStreamHandler((stream) => void stream.pipe(stream));
});
afterAll(() => network[Symbol.asyncDispose]());

/** One that is to stop. The others see it, and it them. */
async function leaver(options: ClientOptions = {}): Promise<TestClient> {
  await until(alice, () => alice.ids.length === 1);
  await until(bob, () => bob.ids.length === 1);
  const client = await network.start({ entryAddrs: [alice.address], ...options });
  await whole([alice, bob, client]);
  return client;
}

/** A handler that tells how many of it run, and ends with the gate. */
function gated(count: number) {
  const [running, gate] = [deferred(), deferred()];
  let begun = 0;
  const handler = async (data: Uint8Array) => {
    begun += 1;
    if (begun === count) running.resolve();
    await gate.promise;
    return data;
  };
  return { handler, running: running.promise, open: () => gate.resolve() };
}

const errorOf = async (stream: MessageStream) => ((await once(stream, "error")) as [FirefliesError])[0].code;

/** All of them; `pause` comes after each message. */
async function bytesOf(stream: MessageStream, pause: () => Promise<void> = async () => {}): Promise<number> {
  let bytes = 0;
  for await (const chunk of stream) {
    bytes += (chunk as Uint8Array).length;
    await pause();
  }
  return bytes;
}

describe("handlers at work", () => {
  it("finish, and all their answers arrive before the member is gone", async () => {
    const dora = await leaver();
    const { handler, running, open } = gated(10);
    dora.registerMessageHandler(handler);
    const answers = Array.from({ length: 10 }, (_, index) => alice.sendToId(dora.id, text(`${index}`)));
    await running;
    const stopped = dora.stop();
    open();
    expect((await Promise.all(answers)).map(read)).toEqual(Array.from({ length: 10 }, (_, index) => `${index}`));
    await stopped;
    expect(dora.alarms).toEqual([]);
  });

  it("may be the ones that stop it: their answers arrive as well, the largest too", async () => {
    const dora = await leaver();
    const stopped = deferred<Promise<void>>();
    const large = new Uint8Array(MESSAGE_BYTES_MAX).fill(7);
    dora.registerMessageHandler(() => {
      stopped.resolve(dora.stop());
      return large;
    });
    const answer = await alice.sendToId(dora.id, text("the last one, please"));
    expect(Buffer.compare(answer, large)).toBe(0);
    await stopped.promise;
  });

  it("and those whose turn has not come are served as well", async () => {
    const dora = await leaver({ maxConcurrentMessages: 1 });
    const { handler, running, open } = gated(1);
    dora.registerMessageHandler(handler);
    const answers = Array.from({ length: 20 }, () => alice.sendToId(dora.id, text("x")));
    await running;
    const stopped = dora.stop();
    open();
    expect((await Promise.all(answers)).length).toBe(20);
    await stopped;
  });

  it("of streams and of gossip's answers finish as well, though nobody else waits for them", async () => {
    const dora = await leaver();
    const [uploaded, answered, gate] = [deferred(), deferred(), deferred()];
    const ends: string[] = [];
    dora.registerStreamHandler(async (stream) => {
      await bytesOf(stream);
      stream.end();
      uploaded.resolve();
      await gate.promise;
      ends.push("stream");
    });
    dora.registerResponseHandler(async () => {
      answered.resolve();
      await gate.promise;
      ends.push("response");
    });
    alice.registerGossipHandler(() => text("heard"));
    bob.registerGossipHandler(() => undefined);
    dora.setGossipContent(text("news"));
    const stream = await alice.openStream(dora.id);
    stream.resume().end(text("all of it"));
    await Promise.all([once(stream, "close"), uploaded.promise, answered.promise]);
    const stopped = dora.stop({ drain: LONG_MS });
    gate.resolve();
    await stopped;
    expect(ends.sort()).toEqual(["response", "stream"]);
  });

  it("that never end are cut at the deadline: callers are told, signals fire, an alarm says what", async () => {
    const dora = await leaver({ maxConcurrentMessages: 1 });
    const [started, aborted] = [deferred(), deferred<unknown>()];
    dora.registerMessageHandler((_, { signal }) => {
      signal.addEventListener("abort", () => aborted.resolve(signal.reason));
      started.resolve();
      return new Promise(() => {});
    });
    const running = codeOf(alice.sendToId(dora.id, text("runs")));
    const waiting = codeOf(alice.sendToId(dora.id, text("waits")));
    await started.promise;
    await dora.stop({ drain: SHORT_MS });
    expect(await running).toBe("handler-timeout");
    expect(await waiting).toBe("member-stopping");
    expect(await aborted.promise).toMatchObject({ code: "member-stopping" });
    expect(dora.alarms).toMatchObject([{ code: "drain-expired", message: expect.stringContaining(": 1 handler.") }]);
  });
});

describe("messages of its own", () => {
  it("get their answers, also those whose link is not there yet", async () => {
    const dora = await leaver();
    const { handler, running, open } = gated(3);
    alice.registerMessageHandler(handler);
    bob.registerMessageHandler(handler);
    const answers = [
      dora.sendToId(alice.id, text("by id")),
      dora.sendTo(bob.address, text("by address")),
      dora.sendToId(bob.id, text("again")),
    ];
    const stopped = dora.stop();
    await running;
    open();
    expect((await Promise.all(answers)).map(read)).toEqual(["by id", "by address", "again"]);
    await stopped;
  });

  it("arrive whole when they are half sent, the largest too", async () => {
    const dora = await leaver();
    const large = new Uint8Array(MESSAGE_BYTES_MAX).fill(3);
    const answer = dora.sendToId(alice.id, large);
    await dora.stop();
    expect(Buffer.compare(await answer, large)).toBe(0);
  });

  it("that nobody answers are ended at the deadline, with an alarm", async () => {
    const dora = await leaver();
    const { handler, running, open } = gated(1);
    alice.registerMessageHandler(handler);
    const sent = codeOf(dora.sendToId(alice.id, text("x")));
    await running;
    await dora.stop({ drain: SHORT_MS });
    open();
    expect(await sent).toBe("link-closed");
    expect(dora.alarms).toMatchObject([{ code: "drain-expired", message: expect.stringContaining(": 1 message.") }]);
  });
});

describe("while a member stops", () => {
  it("what is new is refused with a code that says so, both ways; afterwards it is not started", async () => {
    const dora = await leaver();
    const { handler, running, open } = gated(1);
    dora.registerMessageHandler(handler);
    dora.registerStreamHandler((stream) => void stream.pipe(stream));
    const last = alice.sendToId(dora.id, text("x"));
    await running;
    expect(dora.stopping.aborted).toBe(false);
    const stopped = dora.stop();
    expect(dora.stopping.aborted).toBe(true);
    expect(await codeOf(dora.sendToId(alice.id, text("x")))).toBe("member-stopping");
    expect(await codeOf(dora.sendTo(alice.address, text("x")))).toBe("member-stopping");
    expect(await codeOf(dora.openStream(alice.id))).toBe("member-stopping");
    // By the link that has a request on it, by one that has none, and by a stream.
    expect(await codeOf(alice.sendToId(dora.id, text("x")))).toBe("member-stopping");
    expect(await codeOf(bob.sendToId(dora.id, text("x")))).toBe("member-stopping");
    expect(await codeOf(bob.sendToId(dora.id, text("x")))).toBe("member-stopping");
    expect(await errorOf(await bob.openStream(dora.id))).toBe("member-stopping");
    expect(dora.members().length).toBe(2);
    expect(alice.ids).toContain(dora.id);
    open();
    expect(read(await last)).toBe("x");
    await stopped;
    expect(await codeOf(dora.sendToId(alice.id, text("x")))).toBe("not-started");
  });

  it("a large message that is half there is answered or refused, and lost by nobody", async () => {
    const dora = await leaver();
    dora.registerMessageHandler((data) => data);
    await alice.sendToId(dora.id, text("hello"));
    const large = new Uint8Array(MESSAGE_BYTES_MAX);
    const outcome = codeOf(alice.sendToId(dora.id, large));
    await new Promise(setImmediate);
    await dora.stop({ drain: LONG_MS });
    expect(["none", "member-stopping"]).toContain(await outcome);
  });

  it("a peer that dies does not hold it up", async () => {
    const dora = await leaver();
    const emil = await network.start({ entryAddrs: [alice.address] });
    await whole([alice, bob, dora, emil]);
    const [atDora, atEmil] = [gated(1), gated(1)];
    dora.registerMessageHandler(atDora.handler);
    emil.registerMessageHandler(atEmil.handler);
    const codes = [codeOf(dora.sendToId(emil.id, text("x"))), codeOf(emil.sendToId(dora.id, text("x")))];
    await Promise.all([atDora.running, atEmil.running]);
    const stopped = dora.stop({ drain: LONG_MS });
    await emil.stop({ drain: 0 });
    await stopped;
    for (const code of await Promise.all(codes))
      expect(["handler-timeout", "link-closed", "peer-removed"]).toContain(code);
    expect(dora.alarms).toEqual([]);
  });

  it("members that wait for nothing cost it nothing", async () => {
    const dora = await leaver();
    dora.registerMessageHandler((data) => data);
    for (const client of [alice, bob]) await client.sendToId(dora.id, text("x"));
    await dora.sendToId(alice.id, text("x"));
    await dora.stop({ drain: LONG_MS });
    expect(dora.alarms).toEqual([]);
  });
});

describe("streams", () => {
  const CHUNKS = 20;
  async function written(stream: MessageStream): Promise<void> {
    for (let count = 0; count < CHUNKS; count++) {
      if (!stream.write(new Uint8Array(1000))) await once(stream, "drain");
    }
    stream.end();
    await once(stream, "finish");
  }

  it.each([
    ["when their writer reads the answer", true],
    ["when nobody reads the answer", false],
  ])("deliver all that was written %s, to a reader that begins only then, and end in order", async (_what, reads) => {
    const dora = await leaver();
    const [gate, received] = [deferred(), deferred<number>()];
    alice.registerStreamHandler(async (stream) => {
      await gate.promise;
      received.resolve(await bytesOf(stream, turn));
      stream.end();
    });
    const stream = await dora.openStream(alice.id);
    if (reads) stream.resume();
    const finished = written(stream);
    const stopped = dora.stop({ drain: LONG_MS });
    gate.resolve();
    await Promise.all([finished, stopped]);
    expect(await received.promise).toBe(CHUNKS * 1000);
    expect(dora.alarms).toEqual([]);
  });

  it("are not waited for long when their reader never ends its own side, and deliver all", async () => {
    const dora = await leaver();
    const received = deferred<number>();
    alice.registerStreamHandler((stream) => void bytesOf(stream).then(received.resolve, received.reject));
    await written(await dora.openStream(alice.id));
    await dora.stop({ drain: LONG_MS });
    expect(await received.promise).toBe(CHUNKS * 1000);
    expect(dora.alarms).toEqual([]);
  });

  it("also to a reader that is slower than the stop", async () => {
    const dora = await leaver();
    const [gate, received] = [deferred(), deferred<number>()];
    const begun = deferred();
    alice.registerStreamHandler((stream) => {
      const pause = async () => {
        begun.resolve();
        await gate.promise;
      };
      bytesOf(stream, pause).then(received.resolve, received.reject);
    });
    const stream = await dora.openStream(alice.id);
    // Fewer than the reader's process holds: it has all of them, and its program has one.
    for (let count = 0; count < 2; count++) stream.write(new Uint8Array(1000));
    stream.end();
    await Promise.all([once(stream, "finish"), begun.promise]);
    await dora.stop({ drain: LONG_MS });
    await until(alice, () => !alice.ids.includes(dora.id));
    gate.resolve();
    expect(await received.promise).toBe(2000);
  });

  it("are read to their end by a handler that has not begun to, and by a program that goes on after stop", async () => {
    const dora = await leaver();
    const [arrived, gate, received] = [deferred(), deferred(), deferred<number>()];
    dora.registerStreamHandler(async (stream) => {
      arrived.resolve();
      await gate.promise;
      received.resolve(await bytesOf(stream));
      stream.end();
    });
    const theirs = await alice.openStream(dora.id);
    theirs.resume();
    const finished = written(theirs);
    const mine = await dora.openStream(alice.id);
    mine.end(new Uint8Array(1000));
    await arrived.promise;
    const stopped = dora.stop({ drain: LONG_MS });
    expect(await bytesOf(mine)).toBe(1000);
    gate.resolve();
    expect(await received.promise).toBe(CHUNKS * 1000);
    await Promise.all([finished, stopped]);
  });

  it("go on while their programs write, at either end", async () => {
    const dora = await leaver();
    const arrived = deferred();
    dora.registerStreamHandler((stream) => {
      arrived.resolve();
      stream.pipe(stream);
    });
    const chunks = 200;
    const [mine, theirs] = [await dora.openStream(alice.id), await alice.openStream(dora.id)];
    await arrived.promise;
    const half = deferred();
    let halves = 0;
    async function* source() {
      for (let index = 0; index < chunks; index++) {
        if (index === chunks / 2) halves += 1;
        if (halves === 2) half.resolve();
        yield new Uint8Array(10_000);
      }
    }
    const sent = [mine, theirs].map((stream) => pipeline(Readable.from(source()), stream));
    const back = [mine, theirs].map((stream) => bytesOf(stream));
    await half.promise;
    await dora.stop({ drain: LONG_MS });
    await Promise.all(sent);
    expect(await Promise.all(back)).toEqual([chunks * 10_000, chunks * 10_000]);
  });

  it("that would go on for ever can end when the member stops", async () => {
    const dora = await leaver();
    dora.registerStreamHandler(async (stream) => {
      stream.resume();
      stream.write(text("tick"));
      await once(dora.stopping, "abort");
      stream.end(text("goodbye"));
    });
    const stream = await alice.openStream(dora.id);
    const words: string[] = [];
    const reading = (async () => {
      for await (const word of stream) {
        words.push(read(word));
        if (words.length === 1) void dora.stop({ drain: LONG_MS });
      }
      stream.end();
    })();
    await reading;
    expect(words).toEqual(["tick", "goodbye"]);
    await dora.stop();
  });

  it("may wait for the stop by the hundred, and nothing is printed", async () => {
    const warnings: Error[] = [];
    const listen = (warning: Error) => void warnings.push(warning);
    process.on("warning", listen);
    for (let count = 0; count < 100; count++) alice.stopping.addEventListener("abort", () => {}, { once: true });
    await turn();
    process.off("warning", listen);
    expect(warnings).toEqual([]);
  });

  it("whose reader has stopped are cut at the deadline, at both ends, with a code", async () => {
    const dora = await leaver();
    const opened = deferred<MessageStream>();
    alice.registerStreamHandler((stream) => opened.resolve(stream));
    const stream = await dora.openStream(alice.id);
    const far = await opened.promise;
    const [near, there] = [errorOf(stream), errorOf(far)];
    for (let count = 0; count < 16; count++) stream.write(new Uint8Array(512 * 1024));
    stream.end();
    await dora.stop({ drain: SHORT_MS });
    expect(await near).toBe("member-stopping");
    // The code is behind what is not read: the news of the leaving overtakes it.
    expect(["member-stopping", "peer-removed", "link-closed"]).toContain(await there);
    expect(dora.alarms).toMatchObject([{ code: "drain-expired", message: expect.stringContaining(": 1 stream.") }]);
  });
});

describe("stop", () => {
  it("at once cuts at once", async () => {
    const dora = await leaver();
    const { handler, running } = gated(1);
    dora.registerMessageHandler(handler);
    const received = codeOf(alice.sendToId(dora.id, text("x")));
    await running;
    const stream = await dora.openStream(alice.id);
    const broken = errorOf(stream);
    stream.write(text("x"));
    await once(stream, "data");
    await dora.stop({ drain: 0 });
    expect(await received).toBe("handler-timeout");
    expect(await broken).toBe("member-stopping");
  });

  it.each([
    ["a second one that is shorter hurries the first", LONG_MS, 0],
    ["a second one that is longer changes nothing", SHORT_MS, LONG_MS],
  ])("%s", async (_what, first, second) => {
    const dora = await leaver();
    const { handler, running, open } = gated(1);
    dora.registerMessageHandler(handler);
    const received = codeOf(alice.sendToId(dora.id, text("x")));
    await running;
    await Promise.all([dora.stop({ drain: first }), dora.stop({ drain: second })]);
    expect(await received).toBe("handler-timeout");
    open();
  });

  it("during start cancels it and drains nothing", async () => {
    const dora = await network.member({ entryAddrs: [alice.address] });
    const started = codeOf(dora.start());
    await dora.stop({ drain: LONG_MS });
    expect(await started).toBe("cancelled");
  });

  it("when the end of a block disposes of it drains as well", async () => {
    const { handler, running, open } = gated(1);
    let answer: Promise<Uint8Array>;
    {
      await using dora = await leaver();
      dora.registerMessageHandler(handler);
      answer = alice.sendToId(dora.id, text("x"));
      await running;
      setImmediate(open);
    }
    expect(read(await answer)).toBe("x");
  });

  it.each([-1, Number.NaN, LONG_MS + 1, Number.POSITIVE_INFINITY])("refuses a drain of %s", async (drain) => {
    await expect(alice.stop({ drain })).rejects.toThrow(RangeError);
    expect(alice.stopping.aborted).toBe(false);
  });

  it("is a leaving for the others and no failure, also after the deadline", async () => {
    const dora = await leaver();
    const left = nextChange(alice, "left", dora.id);
    dora.registerMessageHandler(() => new Promise(() => {}));
    void codeOf(alice.sendToId(dora.id, text("x")));
    await dora.stop({ drain: SHORT_MS });
    await left;
  });
});
