/** Reliable UDP and those who mean no good: strangers that cost nothing, senders that are cut, and words that nobody can forge. */
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { afterEach, describe, expect, it } from "vitest";
import { ConnectionGate, type HostPort, UdpPort, UdxEndpoint, udxTransport } from "../../net/index.js";
import type { Connection } from "../../net/transports/udx/connection.js";
import { dataFrame, FRAME_DATA_MAX } from "../../net/transports/udx/frames.js";
import { HALF_OPEN_PER_SOURCE_MAX, WINDOW_BYTES } from "../../net/transports/udx/limits.js";
import { decodeControl, encodeControl } from "../../net/transports/udx/wire.js";
import { NatProxy } from "./nat-proxy.js";
import { closed, soon } from "./waiting.js";

const LOOPBACK = { host: "127.0.0.1", port: 0 };
const never = new AbortController().signal;
const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

/** A port with its endpoint, which listens. */
async function listening() {
  const port = await UdpPort.bind(LOOPBACK, { streams: true });
  ends.push(() => port.close());
  const endpoint = UdxEndpoint.of(port) as UdxEndpoint;
  const accepted: Connection[] = [];
  endpoint.listen((connection) => accepted.push(connection));
  return { port, endpoint, accepted };
}

/** Both ends of a connection, `near` by a transport of its own. */
async function pair() {
  const { endpoint, accepted } = await listening();
  const near = await dialled(endpoint.local);
  await soon(() => expect(accepted.length).toBe(1));
  return { endpoint, near, far: accepted[0]! };
}

async function dialled(to: HostPort): Promise<Connection> {
  const near = (await udxTransport().dial({ scheme: "udx", ...to }, { signal: never })) as Connection;
  ends.push(() => near.destroy());
  return near;
}

/** A socket of the system that counts and keeps what it gets. */
async function stranger() {
  const socket = createSocket("udp4").bind(0, "127.0.0.1");
  await once(socket, "listening");
  const got: Buffer[] = [];
  socket.on("message", (bytes) => got.push(bytes));
  ends.push(() => socket.close());
  const send = (bytes: Uint8Array, { host, port }: HostPort) => sent(socket, bytes, { host, port });
  return { got, send, sum: () => got.reduce((sum, { length }) => sum + length, 0) };
}

function sent(socket: Socket, bytes: Uint8Array, { host, port }: HostPort): Promise<void> {
  return new Promise((resolve) => socket.send(bytes, port, host, () => resolve()));
}

const nonceOf = (n: number) => Buffer.alloc(16, String(n).padStart(16, "0"));
const offer = { id: 5, token: new Uint8Array(8), publicKey: new Uint8Array(32).fill(9) };

describe("a stranger", () => {
  it("is answered with fewer bytes than it sent, and leaves nothing behind", async () => {
    const { endpoint } = await listening();
    const { got, send, sum } = await stranger();
    let bytes = 0;
    for (let n = 0; n < 1_000; n++) {
      const hello = encodeControl({ type: "hello", nonce: nonceOf(n) });
      bytes += hello.length;
      await send(hello, endpoint.local);
    }
    await soon(() => expect(got.length).toBeGreaterThan(0));
    expect(sum()).toBeLessThanOrEqual(bytes);
    expect(endpoint.figures).toMatchObject({ connections: 0, halfOpen: 0 });
    // Of one source no more than so many a second are answered.
    expect(got.length).toBeLessThan(1_000);
  });

  it("opens nothing with a cookie of another address, or none", async () => {
    const { endpoint, accepted } = await listening();
    const [one, other] = [await stranger(), await stranger()];
    const nonce = nonceOf(1);
    await one.send(encodeControl({ type: "hello", nonce }), endpoint.local);
    await soon(() => expect(one.got.length).toBe(1));
    const { cookie } = decodeControl(one.got[0]!) as { cookie: Uint8Array };
    await other.send(encodeControl({ type: "open", nonce, cookie, offer }), endpoint.local);
    await one.send(encodeControl({ type: "open", nonce, cookie: new Uint8Array(16), offer }), endpoint.local);
    await one.send(encodeControl({ type: "open", nonce: nonceOf(2), cookie, offer }), endpoint.local);
    expect(accepted).toEqual([]);
    await one.send(encodeControl({ type: "open", nonce, cookie, offer }), endpoint.local);
    await soon(() => expect(accepted.length).toBe(1));
    expect(other.got).toEqual([]);
    // The same again is the same dial: its answer may have been lost.
    await one.send(encodeControl({ type: "open", nonce, cookie, offer }), endpoint.local);
    await soon(() => expect(one.got.length).toBe(3));
    expect(one.got[2]).toEqual(one.got[1]);
    expect(accepted.length).toBe(1);
  });

  it("that opens without end has a bounded number open, and an honest one gets in", { timeout: 60_000 }, async () => {
    const { endpoint, accepted } = await listening();
    const { got, send } = await stranger();
    for (let n = 0; n < 190; n++) await send(encodeControl({ type: "hello", nonce: nonceOf(n) }), endpoint.local);
    await soon(() => expect(got.length).toBeGreaterThan(150));
    for (const bytes of got) {
      const control = decodeControl(bytes) as { nonce: Uint8Array; cookie: Uint8Array };
      await send(encodeControl({ ...control, type: "open", offer }), endpoint.local);
    }
    // Of one source so many a second, and no more than are ever half open.
    await soon(() => expect(accepted.length).toBeGreaterThan(50));
    expect(accepted.length).toBeLessThan(got.length);
    expect(endpoint.figures.halfOpen).toBeLessThanOrEqual(HALF_OPEN_PER_SOURCE_MAX);
    const before = accepted.length;
    const near = await dialled(endpoint.local);
    await soon(() => expect(accepted.length).toBeGreaterThan(before));
    near.write("a word");
    // And those that say nothing are gone one day.
    await soon(() => expect(endpoint.figures).toMatchObject({ halfOpen: 0, connections: 1 }));
  });

  it("is dropped by the gate when it says nothing", async () => {
    const gate = new ConnectionGate();
    const bound = await udxTransport({ gate }).listen(LOOPBACK, () => {});
    const near = await dialled(bound.address);
    await soon(() => expect(gate.figures.held).toBe(1));
    await bound.close();
    await closed(near.resume());
    expect(gate.figures).toMatchObject({ connections: 0, held: 0 });
  });

  it("cannot say for somebody else that a stream is gone", async () => {
    const { endpoint, near, far } = await pair();
    const { send } = await stranger();
    const { id } = near.lane!.to;
    await send(
      encodeControl({ type: "gone", id, token: new Uint8Array(8) }),
      near.lane === undefined ? LOOPBACK : far.remote,
    );
    await send(encodeControl({ type: "gone", id: far.lane!.to.id, token: new Uint8Array(8) }), endpoint.local);
    near.write("still here");
    expect(String((await once(far, "data"))[0])).toBe("still here");
  });

  it("cannot have a connection follow it with datagrams that it has seen", async () => {
    const { endpoint, accepted } = await listening();
    const nat = await NatProxy.before(endpoint.local);
    ends.push(() => nat.close());
    const seen: Buffer[] = [];
    nat.drops = (bytes, direction) => {
      if (direction === "out" && bytes[0] === 0x26) seen.push(Buffer.from(bytes));
      return direction === "out" && bytes[0] === 0x26;
    };
    const near = await dialled(nat.inside);
    await soon(() => expect(seen.length).toBeGreaterThan(0));
    const { got, send, sum } = await stranger();
    const replayed = seen[0]!;
    await send(replayed, endpoint.local);
    await soon(() => expect(got.length).toBe(1)); // The challenge, which it cannot answer.
    expect(sum()).toBeLessThanOrEqual(replayed.length);
    const challenge = got[0]!;
    challenge[0] = 0x28;
    await send(challenge, endpoint.local);
    await send(replayed, endpoint.local); // A second time it is old.
    near.write("x");
    await once(accepted[0]!, "data");
    expect([accepted[0]!.remote, accepted[0]!.moves, got.length]).toEqual([nat.outside, 0, 1]);
  });
});

describe("an end that keeps no rule", () => {
  it("is cut when it sends more than it may", async () => {
    const { near, far } = await pair();
    near.write("hello");
    far.pause();
    for (let bytes = 0; bytes <= 2 * WINDOW_BYTES; bytes += FRAME_DATA_MAX) near.lane!.write(dataFrame(FRAME_DATA_MAX));
    await Promise.all([closed(far), closed(near.resume())]);
    expect(far.errored).toMatchObject({ code: "EPROTO" });
  });

  it("is cut when what it sends is no frame", async () => {
    const { near, far } = await pair();
    near.lane!.write(Buffer.from("GET / HTTP/1.1"));
    await Promise.all([closed(far.resume()), closed(near.resume())]);
    expect(far.errored).toMatchObject({ code: "EPROTO" });
  });

  it("is cut when it has us keep bytes that are out of order", async () => {
    const { endpoint, near, far } = await pair();
    const { send } = await stranger();
    // Packets of the library's for this stream, of which the first never comes.
    for (let seq = 1; seq <= 200; seq++) {
      const packet = Buffer.alloc(1_400);
      packet.set([0xff, 1, 1, 0]);
      packet.writeUInt32LE(near.lane!.to.id, 4);
      packet.writeUInt32LE(seq, 12);
      await send(packet, endpoint.local);
    }
    await Promise.all([closed(far), closed(near.resume())]);
    expect(far.errored).toMatchObject({ code: "EPROTO" });
  });
});

describe("a connection", () => {
  it("is made though the first datagrams of each kind are lost", async () => {
    const { endpoint, accepted } = await listening();
    const nat = await NatProxy.before(endpoint.local);
    ends.push(() => nat.close());
    const lost = new Set<number>();
    nat.drops = (bytes) => {
      if (bytes[0]! >= 0x24 || lost.has(bytes[0]!)) return false;
      lost.add(bytes[0]!);
      return true;
    };
    const near = await dialled(nat.inside);
    near.write("x");
    await soon(() => expect(accepted.length).toBe(1));
    await once(accepted[0]!, "data");
    expect([...lost]).toEqual([0x20, 0x21, 0x22, 0x23]);
  });

  it("is known as cut though the word of it is lost", async () => {
    const { endpoint, accepted } = await listening();
    const nat = await NatProxy.before(endpoint.local);
    ends.push(() => nat.close());
    const near = await dialled(nat.inside);
    near.write("x");
    await soon(() => expect(accepted.length).toBe(1));
    // All that the one that cuts says by itself: the stream's own word, and "gone" (5) twice.
    let lost = 0;
    nat.drops = (bytes, direction) => {
      if (direction === "out" || lost === 2) return false;
      lost += bytes[0] === 0x25 ? 1 : 0;
      return true;
    };
    accepted[0]!.destroy();
    await closed(near.resume());
    expect(near.errored).toMatchObject({ code: "ECONNRESET" });
  });

  it("is refused where the port is open and nobody listens", async () => {
    const port = await UdpPort.bind(LOOPBACK, { streams: true });
    ends.push(() => port.close());
    UdxEndpoint.of(port);
    await expect(dialled(port.local)).rejects.toMatchObject({ reason: "refused" });
  });

  it("begins with offers that others carried, in any order", async () => {
    const ports = [await UdpPort.bind(LOOPBACK, { streams: true }), await UdpPort.bind(LOOPBACK, { streams: true })];
    for (const port of ports) ends.push(() => port.close());
    const [a, b] = ports.map((port) => UdxEndpoint.of(port) as UdxEndpoint) as [UdxEndpoint, UdxEndpoint];
    const [atA, atB] = [a.offer()!, b.offer()!];
    const near = atA.open(atB.bytes, b.local)!;
    near.write("before the other end has begun");
    const far = atB.open(atA.bytes, a.local)!;
    expect(String((await once(far, "data"))[0])).toBe("before the other end has begun");
    far.write("back");
    expect(String((await once(near, "data"))[0])).toBe("back");
    const again = a.offer()!;
    expect(again.open(new Uint8Array(3), b.local)).toBeUndefined();
    a.offer()!.cancel();
    near.destroy();
    await closed(far.resume());
    await soon(() => expect([a.isIdle, b.isIdle]).toEqual([true, true]));
  });

  it("is told at once that its end has another address, when the program knows", async () => {
    const { endpoint, accepted } = await listening();
    const nat = await NatProxy.before(endpoint.local);
    const port = await UdpPort.bind(LOOPBACK, { streams: true });
    ends.push(
      () => nat.close(),
      () => port.close(),
    );
    const transport = udxTransport({ port: () => port });
    const near = (await transport.dial({ scheme: "udx", ...nat.inside }, { signal: never })) as Connection;
    near.write("x");
    await soon(() => expect(accepted.length).toBe(1));
    await nat.rebind();
    UdxEndpoint.of(port)!.announce();
    await soon(() => expect(near.moves).toBe(1));
    near.destroy();
  });

  it("over a port without streams is none: the address is invalid here", async () => {
    const port = await UdpPort.bind(LOOPBACK);
    ends.push(() => port.close());
    const listen = udxTransport({ port: () => port }).listen(port.local, () => {});
    await expect(listen).rejects.toMatchObject({ code: "address-invalid" });
  });

  it("leaves nothing behind, however many there were", { timeout: 60_000 }, async () => {
    const { endpoint, accepted } = await listening();
    const port = await UdpPort.bind(LOOPBACK, { streams: true });
    ends.push(() => port.close());
    const transport = udxTransport({ port: () => port });
    for (let count = 0; count < 100; count++) {
      const near = await transport.dial({ scheme: "udx", ...endpoint.local }, { signal: never });
      if (count % 2 === 0) near.destroy();
      else near.end("x");
      near.resume();
    }
    for (const far of accepted) far.resume().end();
    await soon(() => expect([endpoint.isIdle, UdxEndpoint.of(port)!.isIdle]).toEqual([true, true]));
    expect(endpoint.figures).toMatchObject({ connections: 0, halfOpen: 0 });
  });
});

it.each(["255.255.255.255", "fe80::1"])(
  "an address that the system does not send to, %s, costs the dial alone",
  async (host) => {
    const signal = AbortSignal.timeout(300);
    const dial = udxTransport().dial({ scheme: "udx", host, port: 9 }, { signal });
    await expect(dial).rejects.toMatchObject({ name: expect.stringContaining("Error"), reason: expect.any(String) });
  },
);
