/** Streams that outlive their connections: whole members over wires in memory that are cut while bytes are under way. */
import { createHash } from "node:crypto";
import { once } from "node:events";
import { pipeline } from "node:stream/promises";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Client, MessageStream, StreamHandler } from "../../client/index.js";
import { FirefliesError, ReplyError } from "../../identity/index.js";
import { startTestNetwork, type TestNetwork } from "../../testing/index.js";
import { codeOf, deferred, text } from "../support/network.js";

const MIB = 1024 * 1024;
const CHUNK = 64 * 1024;

let network: TestNetwork;
let near: Client;
let far: Client;
let handler: StreamHandler;

beforeAll(async () => {
  network = await startTestNetwork({
    members: 2,
    prepare: (client) => client.registerStreamHandler((stream, context) => handler(stream, context)),
  });
  [near, far] = network.members as [Client, Client];
});
afterAll(() => network.stop());
beforeEach(() => {
  handler = echo;
});

const echo: StreamHandler = async (stream) => {
  for await (const data of stream) if (!stream.write(data)) await once(stream, "drain");
  stream.end();
};

/** All connections between the two break; another one can be made at once. */
function cut(): void {
  network.network.cut("member-1", "member-2");
  network.network.heal("member-1", "member-2");
}

/** Message `index` of a file, from 1 byte to 64 KiB. */
function message(index: number): Buffer {
  const length = 1 + ((index * 7919) % CHUNK);
  return Buffer.alloc(length, createHash("sha256").update(String(index)).digest());
}

async function write(stream: MessageStream, bytes: number, onBytes: (sum: number) => void = () => {}): Promise<string> {
  const hash = createHash("sha256");
  for (let index = 0, sum = 0; sum < bytes; index++) {
    const data = message(index);
    hash.update(data);
    sum += data.length;
    onBytes(sum);
    if (!stream.write(data)) await once(stream, "drain");
  }
  stream.end();
  return hash.digest("hex");
}

async function digest(stream: MessageStream): Promise<string> {
  const hash = createHash("sha256");
  for await (const data of stream) hash.update(data);
  return hash.digest("hex");
}

const endOf = async (stream: MessageStream) => {
  if (!stream.closed) await new Promise((resolve) => stream.once("close", resolve));
  return stream.errored === null ? "in order" : (stream.errored as FirefliesError).code;
};

describe("a stream that reconnects", () => {
  it("brings each message once, both ways, though its connection is cut again and again, and says why", async () => {
    const whys: (string | undefined)[] = [];
    const atFar = deferred<Promise<string>>();
    handler = async (stream, context) => {
      atFar.resolve(endOf(stream));
      await echo(stream, context);
    };
    const stream = await near.openStream(far.id, { reconnect: true });
    stream.on("reconnect", (why) => whys.push(why?.code));
    let next = 2 * MIB;
    const sent = write(stream, 12 * MIB, (sum) => {
      if (sum < next) return;
      next += 2 * MIB;
      cut();
    });
    expect(await digest(stream)).toBe(await sent);
    expect(whys.length).toBeGreaterThanOrEqual(3);
    expect(new Set(whys)).toEqual(new Set(["link-closed"]));
    expect([await endOf(stream), await await atFar.promise]).toEqual(["in order", "in order"]);
  });

  it("tells the end that took it as well", async () => {
    const told = deferred<unknown>();
    handler = (stream, context) => {
      stream.once("reconnect", told.resolve);
      return echo(stream, context);
    };
    const stream = await near.openStream(far.id, { reconnect: true });
    stream.write(text("one"));
    await once(stream, "data");
    cut();
    stream.write(text("two"));
    await once(stream, "data");
    await told.promise;
    stream.end();
    stream.resume();
    expect(await endOf(stream)).toBe("in order");
  });

  it("is what one without `reconnect` is not: that ends with link-closed", async () => {
    const stream = await near.openStream(far.id);
    stream.write(text("one"));
    await once(stream, "data");
    cut();
    expect(await endOf(stream)).toBe("link-closed");
  });

  it("makes its writer wait while nobody reads, takes what comes back meanwhile, and then loses nothing", async () => {
    const opened = deferred<MessageStream>();
    handler = (stream) => {
      opened.resolve(stream);
      for (let count = 0; count < 3; count++) stream.write(text("unasked"));
      return new Promise((resolve) => stream.once("close", resolve));
    };
    const stream = await near.openStream(far.id, { reconnect: true });
    const other = await opened.promise;
    let written = 0;
    const sent = write(stream, 24 * MIB, (sum) => {
      written = sum;
    });
    while (!stream.writableNeedDrain) await new Promise((go) => setImmediate(go));
    expect(written).toBeLessThan(8 * MIB);
    cut();
    expect(await digest(other)).toBe(await sent);
    other.end();
    stream.resume();
    expect(await endOf(stream)).toBe("in order");
  });

  it.each<[string, StreamHandler | undefined, string]>([
    ["throws a ReplyError", () => Promise.reject(new ReplyError("no", { code: "nope" })), "nope"],
    ["throws", () => Promise.reject(new Error("boom")), "handler-failed"],
    ["destroys it", (stream) => void stream.destroy(), "stream-reset"],
    ["ends it as a lost link ends", (stream) => void stream.destroy(new FirefliesError("timeout")), "timeout"],
  ])("ends at once, with the code, when its handler %s", async (_, handle, code) => {
    handler = handle!;
    const stream = await near.openStream(far.id, { reconnect: true });
    stream.write(text("?"));
    expect(await endOf(stream)).toBe(code);
  });

  it("learns how it ended though that was said while there was no connection", async () => {
    const opened = deferred<MessageStream>();
    handler = (stream) => {
      opened.resolve(stream);
      return new Promise((resolve) => stream.once("close", resolve));
    };
    const stream = await near.openStream(far.id, { reconnect: true });
    const other = await opened.promise;
    cut();
    await new Promise((go) => setImmediate(go));
    other.destroy(new FirefliesError("handler-failed"));
    expect(await endOf(stream)).toBe("handler-failed");
  });

  it("that is ended while there is no connection ends at the other end when there is one again, and not after its patience", async () => {
    const opened = deferred<MessageStream>();
    handler = (stream) => {
      opened.resolve(stream);
      return new Promise((resolve) => stream.once("close", resolve));
    };
    const stream = await near.openStream(far.id, { reconnect: true });
    const other = await opened.promise;
    network.network.cut("member-1", "member-2");
    await new Promise((go) => setImmediate(go));
    stream.destroy(new FirefliesError("cancelled"));
    expect(other.destroyed).toBe(false);
    network.network.heal("member-1", "member-2");
    expect(await endOf(other)).toBe("cancelled");
  });

  it("ends by its signal", async () => {
    const cancel = new AbortController();
    const stream = await near.openStream(far.id, { reconnect: true, signal: cancel.signal });
    cancel.abort();
    expect(await endOf(stream)).toBe("cancelled");
  });

  it("refuses what is no message", async () => {
    const stream = await near.openStream(far.id, { reconnect: true });
    stream.write(new Uint8Array(MIB + 1));
    expect(await endOf(stream)).toBe("message-too-large");
    expect(await codeOf(near.openStream("0".repeat(64), { reconnect: true }))).toBe("peer-unknown");
  });

  it("is one of a protocol, and one of bytes, as others are", async () => {
    const ending = new AbortController();
    far.handle("copy", async (stream) => void (await pipeline(stream, stream)), { raw: true, signal: ending.signal });
    const stream = await near.openStream(far.id, { protocol: "copy", raw: true, reconnect: true });
    const whys: (string | undefined)[] = [];
    stream.on("reconnect", (why?: FirefliesError) => whys.push(why?.code));
    const bytes = Buffer.alloc(2 * MIB, "fireflies");
    stream.write(bytes.subarray(0, MIB));
    let came = ((await once(stream, "data")) as [Buffer])[0];
    cut();
    stream.end(bytes.subarray(MIB));
    for await (const data of stream) came = Buffer.concat([came, data as Buffer]);
    expect(came.equals(bytes)).toBe(true);
    expect(whys).toEqual(["link-closed"]);
    ending.abort();
    expect(await endOf(await near.openStream(far.id, { protocol: "copy", reconnect: true }))).toBe("handler-missing");
  });

  it("goes to oneself, too", async () => {
    const stream = await near.openStream(near.id, { reconnect: true });
    const sent = write(stream, MIB);
    expect(await digest(stream)).toBe(await sent);
    expect(await endOf(stream)).toBe("in order");
  });
});
