/** The gate before the handshake: who gets in, who waits and who is dropped. */
import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import { setImmediate as nextTurn } from "node:timers/promises";
import { connect as connectTls, TLSSocket } from "node:tls";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { ConnectionGate, duplexPair, type GateLimits, tcpTransport } from "../../net/index.js";
import { GATED, limitsWithin } from "../../net/transports/gate.js";
import { soon } from "./waiting.js";

/** Connections over wires in memory, and whose turn came. */
class Scene {
  readonly gate: ConnectionGate;
  readonly admitted: string[] = [];
  readonly connections = new Map<string, Duplex>();

  constructor(limits: Partial<GateLimits> = {}) {
    this.gate = new ConnectionGate(limits);
  }

  /** A new connection that says nothing. */
  silent(name: string, host: string): Duplex {
    const [near, far] = duplexPair();
    near.on("error", () => {});
    this.connections.set(name, far);
    this.gate.enter(far, host, () => this.admitted.push(name));
    return near;
  }

  /** A new connection whose dialler has spoken. */
  spoken(name: string, host: string): Duplex {
    const near = this.silent(name, host);
    near.write("hello");
    return near;
  }

  get dropped(): string[] {
    return [...this.connections].flatMap(([name, connection]) => (connection.destroyed ? [name] : []));
  }

  proven(name: string): void {
    this.gate.proven(this.connections.get(name)!);
  }
}

const names = (prefix: string, count: number) => Array.from({ length: count }, (_, index) => `${prefix}${index}`);
/** Long enough for everything that needs no waiting. */
const settle = () => vi.advanceTimersByTimeAsync(50);

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

describe("a connection that nobody has proven", () => {
  it("waits for its first bytes, which are still there then", async () => {
    const scene = new Scene();
    const near = scene.silent("a", "203.0.113.1");
    await settle();
    expect(scene.admitted).toEqual([]);
    expect(scene.gate.figures).toEqual({ connections: 1, held: 1, shaking: 0, dropped: 0 });
    near.write("hello");
    await settle();
    expect(scene.admitted).toEqual(["a"]);
    expect(scene.gate.figures).toEqual({ connections: 1, held: 0, shaking: 1, dropped: 0 });
    expect(scene.connections.get("a")!.read().toString()).toBe("hello");
  });

  it("is dropped when none come for five seconds, or its end comes before them", async () => {
    const scene = new Scene();
    scene.silent("silent", "203.0.113.1");
    scene.silent("ends", "203.0.113.1").end();
    await vi.advanceTimersByTimeAsync(4_999);
    expect(scene.dropped).toEqual(["ends"]);
    await vi.advanceTimersByTimeAsync(1);
    expect(scene.dropped).toEqual(["silent", "ends"]);
    expect(scene.gate.figures).toMatchObject({ connections: 0, held: 0, shaking: 0 });
    expect(scene.admitted).toEqual([]);
  });

  it("leaves the account when it is proven, over whatever it is carried, or when it closes", async () => {
    const scene = new Scene();
    for (const name of ["a", "b", "c"]) scene.spoken(name, "203.0.113.1");
    await settle();
    expect(scene.gate.figures).toMatchObject({ connections: 3, shaking: 3 });
    scene.proven("a");
    const [outer] = duplexPair();
    scene.gate.carries(scene.connections.get("b")!, outer);
    scene.gate.proven(outer);
    expect(scene.gate.figures).toMatchObject({ connections: 3, shaking: 1 });
    scene.gate.proven(duplexPair()[0]);
    for (const connection of scene.connections.values()) connection.destroy();
    await settle();
    expect(scene.gate.figures).toEqual({ connections: 0, held: 0, shaking: 0, dropped: 0 });
  });
});

describe("handshakes", () => {
  it("of one address that stall keep their places for a second; then the newest gets the oldest's", async () => {
    const scene = new Scene({ shakingPerAddressMax: 2 });
    for (const name of ["a", "b"]) {
      scene.spoken(name, "203.0.113.1");
      await vi.advanceTimersByTimeAsync(100);
    }
    for (const name of ["c", "d"]) scene.spoken(name, "203.0.113.1");
    scene.spoken("other", "203.0.113.2");
    await settle();
    expect(scene.admitted).toEqual(["a", "b", "other"]);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(scene.admitted).toEqual(["a", "b", "other", "d", "c"]);
    expect(scene.dropped).toEqual(["a", "b"]);
  });

  it("get the place of one that is proven, or that closes, at once", async () => {
    const scene = new Scene({ shakingPerAddressMax: 1 });
    for (const name of ["a", "b", "c"]) {
      scene.spoken(name, "203.0.113.1");
      await settle();
    }
    expect(scene.admitted).toEqual(["a"]);
    scene.proven("a");
    await settle();
    expect(scene.admitted).toEqual(["a", "c"]);
    scene.connections.get("c")!.destroy();
    await settle();
    expect(scene.admitted).toEqual(["a", "c", "b"]);
    expect(scene.dropped).toEqual(["c"]);
  });

  it("of all addresses together have a limit: the one with the most makes room", async () => {
    const scene = new Scene({ shakingMax: 4, shakingPerAddressMax: 3 });
    for (const name of names("greedy", 3)) {
      scene.spoken(name, "2001:db8::1");
      await settle();
    }
    scene.spoken("a", "203.0.113.1");
    await settle();
    scene.spoken("b", "203.0.113.2");
    await settle();
    expect(scene.admitted.at(-1)).toBe("b");
    expect(scene.dropped).toEqual(["greedy0"]);
  });
});

describe("connections that are held", () => {
  it("are bounded per address, IPv6 by the network; the oldest goes", async () => {
    const scene = new Scene({ heldPerAddressMax: 2 });
    for (const [name, host] of [
      ["a", "2001:db8:1:2::1"],
      ["b", "2001:db8:1:2:ffff::1"],
      ["other", "2001:db8:1:3::1"],
      ["c", "2001:db8:1:2::1"],
    ] as const)
      scene.silent(name, host);
    expect(scene.dropped).toEqual(["a"]);
    expect(scene.gate.figures).toEqual({ connections: 4, held: 3, shaking: 0, dropped: 1 });
    await settle();
    expect(scene.gate.figures.connections).toBe(3);
  });

  it("are bounded in all: the address with the most makes room", () => {
    const scene = new Scene({ heldMax: 3, heldPerAddressMax: 3 });
    for (const name of ["a", "b"]) scene.silent(name, "203.0.113.1");
    scene.silent("other", "203.0.113.2");
    scene.silent("third", "203.0.113.3");
    expect(scene.dropped).toEqual(["a"]);
  });

  it("make room when there are too many connections; proven ones do not", async () => {
    const scene = new Scene({ connectionsMax: 3 });
    for (const name of ["a", "b"]) scene.spoken(name, "203.0.113.1");
    await settle();
    for (const name of ["a", "b"]) scene.proven(name);
    scene.silent("c", "203.0.113.1");
    scene.silent("d", "203.0.113.2");
    await settle();
    expect(scene.dropped).toEqual(["c"]);
    scene.spoken("e", "203.0.113.1");
    await settle();
    scene.proven("e");
    scene.silent("f", "203.0.113.9");
    expect(scene.dropped).toEqual(["c", "d", "f"]);
  });

  it("and all others stay below what the process' descriptors allow", () => {
    expect(limitsWithin(1_048_576)).toMatchObject({ connectionsMax: 8_192, shakingMax: 512 });
    expect(limitsWithin(1_024)).toMatchObject({ connectionsMax: 512, heldMax: 256, shakingMax: 32 });
  });
});

describe("three thousand connections from one address", () => {
  const turns = async (count: number) => {
    for (let turn = 0; turn < count; turn++) await nextTurn();
  };

  it.each(["silent", "spoken"] as const)(
    "that are %s keep nobody out, from another address or the same",
    async (kind) => {
      vi.useRealTimers();
      const scene = new Scene({ shakingPerAddressMax: 4_000, shakingMax: 4_000 });
      for (const name of names("flood", 3_000)) scene[kind](name, "203.0.113.1");
      await turns(20); // All have arrived, and few have had their turn.
      expect(scene.gate.figures.held).toBeGreaterThan(2_900);
      const before = scene.admitted.length;
      scene.spoken("other", "203.0.113.2");
      scene.spoken("same", "203.0.113.1");
      await turns(10);
      const admitted = scene.admitted.slice(before);
      expect(admitted).toEqual(expect.arrayContaining(["other", "same"]));
      expect(admitted.length).toBeLessThanOrEqual(10); // One in each turn.
      expect(scene.dropped).toEqual([]);
      for (const connection of scene.connections.values()) connection.destroy();
    },
  );
});

describe("TCP behind a gate", () => {
  it("takes 16 KiB at most of a connection that waits, and all of it later", async () => {
    vi.useRealTimers();
    const gate = new ConnectionGate({ shakingPerAddressMax: 1 });
    const admitted: Duplex[] = [];
    const server = createServer(GATED, (socket) => gate.enter(socket, "203.0.113.1", () => admitted.push(socket)));
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as { port: number };
    const dial = async (bytes: Buffer) => {
      const [accepted, near] = [once(server, "connection"), connect(port, "127.0.0.1")];
      near.on("error", () => {}).resume();
      const [far] = (await accepted) as [Duplex];
      near.write(bytes);
      return { near, far };
    };
    const first = await dial(Buffer.alloc(1));
    await soon(() => expect(admitted).toEqual([first.far]));
    const greedy = await dial(Buffer.alloc(1_000_000));
    await once(greedy.far, "close");
    const waiting = await dial(Buffer.alloc(1));
    await soon(() => expect(waiting.far.readableLength).toBe(1));
    waiting.near.end(Buffer.alloc(1_000_000));
    for (let turn = 0; turn < 100; turn++) await nextTurn();
    expect(waiting.far.readableLength).toBe(1);
    gate.proven(first.far);
    await soon(() => expect(admitted).toEqual([first.far, waiting.far]));
    let arrived = 0;
    waiting.far.on("data", (chunk: Buffer) => {
      arrived += chunk.length;
    });
    await once(waiting.far, "end");
    expect(arrived).toBe(1_000_001);
    for (const { near, far } of [first, greedy, waiting]) {
      near.destroy();
      far.destroy();
    }
    await new Promise((done) => server.close(done));
  });

  it("hands over what TLS works with, at full length", async () => {
    vi.useRealTimers();
    const gate = new ConnectionGate();
    // A shared key instead of certificates: what counts is that every byte passes.
    const shared = { ciphers: "PSK", maxVersion: "TLSv1.2" } as const;
    const psk = Buffer.alloc(16, 7);
    const bound = await tcpTransport({ gate }).listen({ host: "127.0.0.1", port: 0 }, (connection) => {
      const secure = new TLSSocket(
        connection as Socket,
        { isServer: true, ...shared, pskCallback: () => psk } as never,
      );
      secure.on("error", () => {});
      secure.pipe(secure);
      gate.proven(connection);
    });
    const sent = Buffer.alloc(3_000_000, 5);
    const client = connectTls({
      host: "127.0.0.1",
      port: bound.address.port,
      ...shared,
      checkServerIdentity: () => undefined,
      pskCallback: () => ({ psk, identity: "a" }),
    });
    let received = 0;
    client.on("data", (chunk: Buffer) => {
      received += chunk.length;
    });
    client.end(sent);
    await once(client, "end");
    expect(received).toBe(sent.length);
    expect(gate.figures).toMatchObject({ held: 0, shaking: 0, dropped: 0 });
    client.destroy();
    await bound.close();
  });
});
