/** Connections over reliable UDP go on when the other end's address changes, behind a NAT of this test's. */
import { once } from "node:events";
import type { Duplex } from "node:stream";
import { afterEach, describe, expect, it } from "vitest";
import { UdpPort, UdxEndpoint, udxTransport } from "../../net/index.js";
import type { Connection } from "../../net/transports/udx/connection.js";
import { NatProxy } from "./nat-proxy.js";
import { later, soon } from "./waiting.js";

const MIB = 1024 * 1024;
/** Of a transfer, in MiB; nightly takes 256. */
const TOTAL = Number(process.env.UDX_MIB ?? 32) * MIB;
const never = new AbortController().signal;
const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

/** Both ends of a connection, `near` behind the NAT. */
async function behindNat() {
  const transport = udxTransport();
  const accepted = later<Connection>();
  const bound = await transport.listen({ host: "127.0.0.1", port: 0 }, (connection) =>
    accepted.resolve(connection as Connection),
  );
  const nat = await NatProxy.before(bound.address);
  const near = (await transport.dial({ scheme: "udx", ...nat.inside }, { signal: never })) as Connection;
  const far = await accepted.promise;
  ends.push(
    () => bound.close(),
    () => nat.close(),
    () => far.destroy(),
    () => near.destroy(),
  );
  return { near, far, nat, bound };
}

/** Byte `n` of the whole is known, so that what is lost, doubled or swapped shows. */
function pattern(length: number, at: number): Buffer {
  const out = Buffer.alloc(length);
  for (let n = 0; n < length; n += 4) out.writeUInt32BE((at + n) >>> 0, n);
  return out;
}

async function send(to: Duplex, bytes: number): Promise<void> {
  for (let at = 0; at < bytes; at += MIB / 4) if (!to.write(pattern(MIB / 4, at))) await once(to, "drain");
  to.end();
}

/** Resolves with how much came, at the end; calls `onBytes` with the sum so far. */
function checked(from: Duplex, onBytes: (sum: number) => void): Promise<number> {
  let sum = 0;
  let rest = Buffer.alloc(0);
  from.on("data", (chunk: Buffer) => {
    const whole = Buffer.concat([rest, chunk]);
    const even = whole.length - (whole.length % 4);
    if (!whole.subarray(0, even).equals(pattern(even, sum))) from.destroy(new Error(`wrong bytes after ${sum}`));
    rest = whole.subarray(even);
    sum += even;
    onBytes(sum);
  });
  return new Promise((resolve, reject) => {
    from.once("end", () => resolve(sum + rest.length));
    from.once("error", reject);
  });
}

describe("a connection whose NAT forgets its mapping in the middle of a transfer", () => {
  it.each([
    ["to the one behind it", true],
    ["from the one behind it", false],
  ])("goes on %s, whole and in order, and nothing is cut", { timeout: 240_000 }, async (_, toNear) => {
    const { near, far, nat } = await behindNat();
    const [sender, reader] = toNear ? [far, near] : [near, far];
    let rebound: Promise<void> | undefined;
    const came = checked(reader, (sum) => {
      if (sum > TOTAL / 2) rebound ??= nat.rebind();
    });
    await send(sender, TOTAL);
    expect(await came).toBe(TOTAL);
    await rebound;
    expect([near.errored, far.errored]).toEqual([null, null]);
    expect(far.moves).toBeGreaterThanOrEqual(1);
    expect(far.remote).toEqual(nat.outside);
  });
});

describe("the figures of a port", () => {
  it("tell bytes, what was lost and sent again, round trip, window and moves, and keep them when a connection has ended", async () => {
    const port = await UdpPort.bind({ host: "127.0.0.1", port: 0 }, { streams: true });
    ends.push(() => port.close());
    const transport = udxTransport({ port: () => port });
    const accepted = later<Connection>();
    const bound = await udxTransport().listen({ host: "127.0.0.1", port: 0 }, (connection) =>
      accepted.resolve(connection as Connection),
    );
    const nat = await NatProxy.before(bound.address);
    ends.push(
      () => bound.close(),
      () => nat.close(),
    );
    const near = (await transport.dial({ scheme: "udx", ...nat.inside }, { signal: never })) as Connection;
    const far = await accepted.promise;
    ends.push(() => far.destroy());
    const figures = () => UdxEndpoint.of(port)!.figures;
    let count = 0;
    nat.drops = (_, direction) => direction === "out" && ++count % 50 === 0;
    const came = checked(far, () => {});
    await send(near, 4 * MIB);
    expect(await came).toBe(4 * MIB);
    const now = figures();
    expect(now.connections).toBe(1);
    expect(now.bytesSent).toBeGreaterThan(4 * MIB);
    expect(now.packetsSent).toBeGreaterThan((4 * MIB) / 1_500);
    expect(now.retransmits).toBeGreaterThan(10);
    expect(now.retransmits).toBeLessThan(now.packetsSent);
    expect(now.bytesReceived).toBeGreaterThan(0);
    const [one] = now.busiest;
    expect(one).toMatchObject({ address: `127.0.0.1:${nat.inside.port}`, moves: 0 });
    expect(one!.congestionWindow).toBeGreaterThan(0);
    expect(one!.rttMs).toBeGreaterThanOrEqual(0);
    nat.drops = () => false;
    near.destroy();
    await soon(() => expect(figures()).toMatchObject({ connections: 0, busiest: [] }));
    expect(figures().bytesSent).toBeGreaterThanOrEqual(now.bytesSent);
    expect(figures().retransmits).toBeGreaterThanOrEqual(now.retransmits);
  });
});

describe("a connection that moves", () => {
  it("is found again while nothing passes, several times, and then carries both ways", async () => {
    const { near, far, nat } = await behindNat();
    near.write("a");
    await once(far, "data");
    for (let count = 1; count <= 3; count++) {
      await nat.rebind();
      await soon(() => expect(far.remote).toEqual(nat.outside));
      await soon(() => expect([near.moves, far.moves]).toEqual([count, count]));
      const [atNear, atFar] = [once(near, "data"), once(far, "data")];
      near.write("to far");
      far.write("to near");
      expect([String((await atNear)[0]), String((await atFar)[0])]).toEqual(["to near", "to far"]);
    }
  });

  it("goes on though datagrams about the move are lost", async () => {
    const { near, far, nat } = await behindNat();
    const lost = new Map<number, number>();
    // The first two of each type of the path's (6 to 9), both ways.
    nat.drops = (bytes) => {
      const type = bytes[0]!;
      if (type < 0x26 || type > 0x29) return false;
      lost.set(type, (lost.get(type) ?? 0) + 1);
      return lost.get(type)! <= 2;
    };
    const came = checked(near, () => {});
    await nat.rebind();
    await send(far, 4 * MIB);
    expect(await came).toBe(4 * MIB);
    expect(lost.size).toBe(4);
    expect(far.moves).toBeGreaterThanOrEqual(1);
  });

  it("ends in order when its end was under way", async () => {
    const { near, far, nat } = await behindNat();
    const atNear = checked(near, () => {});
    nat.drops = (bytes, direction) => direction === "in" && bytes[0] === 0xff;
    far.resume();
    far.end(pattern(1_000, 0));
    await nat.rebind();
    nat.drops = () => false;
    expect(await atNear).toBe(1_000);
    near.end();
    await Promise.all([near, far].map((end) => end.closed || once(end, "close")));
    expect([near.errored, far.errored]).toEqual([null, null]);
  });
});
