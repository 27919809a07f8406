/** NATS as a path between members: the transport's contract over a real server, losses, and two members that have nothing else. */

import type { Duplex } from "node:stream";
import type { NatsConnection } from "@nats-io/transport-node";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it, onTestFinished, test } from "vitest";
import { Client, type DatagramCarrier } from "../../../client/index.js";
import { connectNats, natsTransport } from "../../../services/nats/index.js";
import { decodeFrame, encodeFrame, type Frame, PIECE_BYTES } from "../../../services/nats/path/frames.js";
import { GONE_MS, NatsDuplex } from "../../../services/nats/path/nats-duplex.js";
import { startTestNetwork, transportContract } from "../../../testing/index.js";
import { HAS_NATS_SERVER, PlainNats } from "../../support/nats-server.js";

/** UDP that leads nowhere. */
const SILENT: DatagramCarrier = {
  local: { host: "127.0.0.1", port: 9 },
  send: () => {},
  onDatagram: () => {},
  close: () => {},
};

const count = fc.nat(2 ** 48 - 1);
const frame: fc.Arbitrary<Frame> = fc.oneof(
  fc.record({ kind: fc.constant("data" as const), at: count, bytes: fc.uint8Array({ minLength: 1, maxLength: 64 }) }),
  fc.record({ kind: fc.constantFrom("end" as const), at: count }),
  fc.record({ kind: fc.constantFrom("credit" as const, "again" as const), received: count, limit: count }),
  fc.record({ kind: fc.constant("ask" as const), sent: count }),
  fc.record({ kind: fc.constantFrom("cut" as const, "hello" as const, "welcome" as const) }),
);

describe("frames", () => {
  it("are read as they were written", () => {
    fc.assert(
      fc.property(frame, (sent) => {
        const read = decodeFrame(encodeFrame(sent));
        expect(read?.kind === "data" ? { ...read, bytes: new Uint8Array(read.bytes) } : read).toEqual(sent);
      }),
    );
  });

  it("of strangers are no frames, or frames, and never an exception", () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => void decodeFrame(bytes)));
    expect(decodeFrame(new Uint8Array())).toBeUndefined();
    expect(decodeFrame(Uint8Array.of(99))).toBeUndefined();
    expect(decodeFrame(encodeFrame({ kind: "data", at: 0, bytes: new Uint8Array(PIECE_BYTES + 1) }))).toBeUndefined();
  });
});

/** Two ends whose frames the test carries, or loses. */
function ends(lose: () => boolean = () => false) {
  let now = 0;
  const queue: (() => void)[] = [];
  /** What is asked of one that has ended in order is answered for it, as the hub does. */
  const ended = new Map<NatsDuplex, number>();
  const made = (other: () => NatsDuplex) => {
    const send = (payload: Uint8Array) => {
      if (lose()) return;
      queue.push(() => {
        const frame = decodeFrame(payload)!;
        const received = ended.get(other());
        if (frame.kind === "ask" && received !== undefined)
          queue.push(() => end.hear({ kind: "credit", received, limit: received }));
        else other().hear(frame);
      });
    };
    const onClose = (received: number | undefined) => {
      if (received !== undefined) ended.set(end, received);
    };
    const end: NatsDuplex = new NatsDuplex({ now: () => now, send, onClose });
    return end;
  };
  const near: NatsDuplex = made(() => far);
  const far: NatsDuplex = made(() => near);
  return {
    ...{ near, far },
    get underWay() {
      return queue.length;
    },
    async settle() {
      for (let idle = 0; idle < 3; ) {
        const next = queue.shift();
        next?.();
        await new Promise((done) => setImmediate(done));
        idle = queue.length > 0 ? 0 : idle + 1;
      }
    },
    pass(ms: number) {
      now += ms;
      near.tick();
      far.tick();
    },
  };
}

describe("two ends of a connection", () => {
  it("lose no byte, whatever frames are lost", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.nat(9), { minLength: 40, maxLength: 40 }),
        fc.array(fc.integer({ min: 1, max: 100_000 }), { minLength: 1, maxLength: 6 }),
        async (chances, sizes) => {
          let drawn = 0;
          const pair = ends(() => (chances[drawn++] ?? 9) < 4);
          const read: Buffer[] = [];
          pair.far.on("data", (chunk: Buffer) => read.push(Buffer.from(chunk)));
          const sent = Buffer.concat(sizes.map((size, index) => Buffer.alloc(size, index + 1)));
          for (const [index, size] of sizes.entries()) pair.near.write(Buffer.alloc(size, index + 1));
          pair.near.end();
          pair.far.end();
          pair.near.resume();
          for (let turn = 0; turn < 60 && !(pair.near.closed && pair.far.closed); turn++) {
            await pair.settle();
            pair.pass(1_000);
          }
          expect([pair.near.errored, pair.far.errored]).toEqual([null, null]);
          expect(Buffer.concat(read).equals(sent)).toBe(true);
        },
      ),
      { numRuns: 30 },
    );
  });

  it("say that they ended when the other one is gone", async () => {
    const pair = ends(() => true);
    pair.near.write("x");
    for (let passed = 0; passed <= GONE_MS; passed += 1_000) pair.pass(1_000);
    await pair.settle();
    expect(pair.near.errored).toMatchObject({ code: "ECONNRESET" });
  });

  it("let nobody send more than was granted", async () => {
    const { far, settle } = ends();
    far.pause();
    for (let at = 0; at < 2 ** 21; at += PIECE_BYTES)
      far.hear({ kind: "data", at, bytes: new Uint8Array(PIECE_BYTES) });
    await settle();
    expect(far.errored?.message).toMatch(/more than it was granted/);
  });
});

describe.skipIf(!HAS_NATS_SERVER)("over a real server (needs nats-server)", () => {
  let server: PlainNats;
  let nats: NatsConnection;

  beforeAll(async () => {
    server = await PlainNats.start();
    nats = await connectNats(server.as());
  });
  afterAll(async () => {
    await nats?.close();
    await server?.[Symbol.asyncDispose]();
  });

  transportContract(
    "NATS",
    {
      create: () => natsTransport({ nats }),
      host: "nats",
      hasPorts: false,
      failures: {
        "no-route": () => ({ address: { scheme: "nats", host: "elsewhere", port: 4222, path: "/a" } }),
        forbidden: () => ({ address: { scheme: "nats", host: "nats", port: 4222, path: "/a.b" } }),
      },
      silent: async () => {
        const subscription = nats.subscribe("ff.link.at.silent");
        await nats.flush();
        return {
          address: { scheme: "nats", host: "nats", port: 4222, path: "/silent" },
          close: () => subscription.unsubscribe(),
        };
      },
    },
    { describe, test: (title, options, run) => test(title, { ...options, timeout: 60_000 }, run) },
    { bytes: 8 * 1024 * 1024, lives: 60 },
  );

  it("two members make a link that is proven at both ends, and talk, where nothing else leads", async () => {
    await using network = await startTestNetwork({ members: 1 }); // Theirs are its identities alone.
    const made = await Promise.all(
      ["alice", "bob"].map(async (name) => {
        const transport = natsTransport({ nats: server.as(), token: () => name });
        const client = new Client({
          ...{ config: false, preset: "local", identity: await network.identity(name), listen: "nats://nats:4222" },
          ...(name === "bob" && { entryAddrs: ["nats://nats:4222/alice"] }),
          network: { transports: [transport], bindDatagrams: async () => SILENT },
        });
        onTestFinished(() => client.stop({ drain: 0 }));
        client.registerMessageHandler((data) => data);
        await client.start();
        return client;
      }),
    );
    const [alice, bob] = made as [Client, Client];
    await Promise.all([alice.waitForMembers(1), bob.waitForMembers(1)]);
    const sent = Buffer.from("by way of NATS");
    expect(Buffer.from(await bob.sendToId(alice.id, sent))).toEqual(sent);
    expect(Buffer.from(await alice.sendToId(bob.id, sent))).toEqual(sent);
    for await (const _ of bob.changes({ paths: true })) if (bob.paths()[0]?.path !== undefined) break;
    expect(bob.paths()[0]).toMatchObject({ path: "relayed", via: [], address: expect.stringMatching(/^nats:/) });
  });

  it("goes on when the server was away for a while, and loses nothing", async () => {
    const own = await PlainNats.start();
    onTestFinished(() => own[Symbol.asyncDispose]());
    const transport = natsTransport({ nats: own.as(), token: () => "far" });
    let far: Duplex | undefined;
    const bound = await transport.listen({ host: "nats", port: 0 }, (connection) => {
      far = connection;
    });
    onTestFinished(() => bound.close());
    const near = await transport.dial(bound.address, { signal: new AbortController().signal });
    const sent = Buffer.alloc(3_000_000, "0123456789");
    const read = (async () => {
      const chunks: Buffer[] = [];
      for await (const chunk of far!) chunks.push(chunk as Buffer);
      return Buffer.concat(chunks);
    })();
    near.resume();
    near.write(sent.subarray(0, 1_000_000));
    await own.kill();
    near.end(sent.subarray(1_000_000));
    await own.resume();
    expect((await read).equals(sent)).toBe(true);
  });

  it("is listened at as soon as the server is there, when it was away at the start, and that is told", async () => {
    const own = await PlainNats.start();
    onTestFinished(() => own[Symbol.asyncDispose]());
    await own.kill();
    const troubles: string[] = [];
    const here = natsTransport({
      ...{ nats: own.as(), token: () => "early" },
      onTrouble: ({ code }) => troubles.push(code),
    });
    const arrived: Duplex[] = [];
    const bound = await here.listen({ host: "nats", port: 0 }, (connection) => arrived.push(connection));
    expect([bound.address.path, troubles[0]]).toEqual(["/early", "nats-unreachable"]);
    await own.resume();
    const there = natsTransport({ nats: own.as() });
    const signal = AbortSignal.timeout(60_000);
    const dialled = async (): Promise<Duplex> => {
      for (;;) {
        const connection = await there.dial(bound.address, { signal } as never).catch(() => undefined);
        if (connection !== undefined) return connection;
        signal.throwIfAborted();
      }
    };
    const connection = await dialled();
    connection.on("error", () => {}).end("hello");
    let text = "";
    for await (const chunk of arrived[0]!) text += chunk;
    expect(text).toBe("hello");
    arrived[0]!.end();
    await bound.close();
    const refused = natsTransport({ nats: { ...own.as(), password: "wrong" } });
    await expect(refused.listen({ host: "nats", port: 0 }, () => {})).rejects.toMatchObject({ code: "nats-refused" });
  });

  it("says why it cannot connect", async () => {
    await expect(connectNats(server.stranger)).rejects.toMatchObject({ code: "nats-refused" });
    await expect(connectNats({ ...server.as(), password: "wrong" })).rejects.toMatchObject({ code: "nats-refused" });
    await expect(connectNats({ servers: "127.0.0.1:1" })).rejects.toMatchObject({ code: "nats-unreachable" });
    await expect(connectNats({ ...server.as(), tls: {} })).rejects.toMatchObject({ code: "nats-refused" });
  });
});
