/** The member's one UDP port, with udx-native and without: the same datagrams, told apart by their first byte. */
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { afterEach, describe, expect, it } from "vitest";
import { type DatagramCarrier, type DatagramKind, firstByteOf, type HostPort, UdpPort } from "../../net/index.js";
import { codeOf } from "./session-scene.js";
import { later } from "./waiting.js";

const open: UdpPort[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((port) => port.close()));
});

const LOOPBACK = { host: "127.0.0.1", port: 0 };

describe.each([
  ["udx-native", true],
  ["Node's sockets", false],
])("a UDP port over %s", (_, streams) => {
  async function bound(at: HostPort = LOOPBACK): Promise<UdpPort> {
    const port = await UdpPort.bind(at, { streams });
    open.push(port);
    return port;
  }

  function next(carrier: DatagramCarrier): Promise<{ bytes: Uint8Array; from: HostPort }> {
    const got = later<{ bytes: Uint8Array; from: HostPort }>();
    carrier.onDatagram((bytes, from) => got.resolve({ bytes: new Uint8Array(bytes), from }));
    return got.promise;
  }

  it("has streams only with the package", async () => {
    expect((await bound()).native !== undefined).toBe(streams);
  });

  it("gives each kind its own datagrams, and nothing to nobody", async () => {
    const [a, b] = [await bound(), await bound()];
    const kinds: readonly DatagramKind[] = ["ping", "stream", "punch", "application"];
    for (const kind of kinds) {
      const got = next(b.carrier(kind));
      // Strangers' bytes, an empty one among them, before it.
      const socket = createSocket("udp4");
      for (const junk of [[], [0x00], [0x77, 1, 2], [0xff, 1]])
        socket.send(new Uint8Array(junk), b.local.port, b.local.host);
      const sent = new Uint8Array([firstByteOf(kind, 5), 1, 2, 3]);
      a.carrier(kind).send(sent, b.local);
      const { bytes, from } = await got;
      expect([...bytes]).toEqual([...sent]);
      expect(from).toEqual(a.local);
      socket.close();
    }
    expect(() => a.carrier("ping").send(new Uint8Array([firstByteOf("punch")]), b.local)).toThrow(RangeError);
  });

  it("goes on for the others when one carrier is closed", async () => {
    const [a, b] = [await bound(), await bound()];
    const closed = b.carrier("ping");
    const heard: unknown[] = [];
    closed.onDatagram((bytes) => heard.push(bytes));
    closed.close();
    closed.send(new Uint8Array([firstByteOf("ping")]), a.local);
    const got = next(b.carrier("punch"));
    a.carrier("ping").send(new Uint8Array([firstByteOf("ping")]), b.local);
    a.carrier("punch").send(new Uint8Array([firstByteOf("punch")]), b.local);
    await got;
    expect(heard).toEqual([]);
  });

  it("hears packets of streams that are no more", async () => {
    const b = await bound();
    const got = later<Uint8Array>();
    b.onStray((bytes) => got.resolve(new Uint8Array(bytes)));
    const socket = createSocket("udp4");
    socket.send(new Uint8Array([0xff, 1, 0, 0, 9, 9, 9, 9]), b.local.port, b.local.host);
    expect((await got.promise)[4]).toBe(9);
    socket.close();
  });

  it("takes a name for a host, and reports IPv4 as IPv4 when it is bound to both families", async () => {
    expect((await bound({ host: "localhost", port: 0 })).local.port).toBeGreaterThan(0);
    const [a, b] = [await bound(), await bound({ host: "::", port: 0 })];
    const got = next(b.carrier("ping"));
    const ping = new Uint8Array([firstByteOf("ping")]);
    a.carrier("ping").send(ping, { host: "127.0.0.1", port: b.local.port });
    const { from } = await got;
    expect(from).toEqual(a.local);
    const back = next(a.carrier("ping"));
    b.carrier("ping").send(ping, from);
    await back;
  });

  it("sends nothing to what is no address of its family, silently", async () => {
    const a = await bound();
    const ping = new Uint8Array([firstByteOf("ping")]);
    for (const to of [
      { host: "::1", port: 9 },
      { host: "127.0.0.1", port: 0 },
      { host: "name.invalid", port: 9 },
    ])
      a.carrier("ping").send(ping, to);
  });

  it("says that a port is in use, or that a host is none of ours", async () => {
    const taken = createSocket("udp4").bind(0, "127.0.0.1");
    await once(taken, "listening");
    const inUse = UdpPort.bind({ host: "127.0.0.1", port: taken.address().port }, { streams });
    expect(await codeOf(inUse)).toBe("address-in-use");
    taken.close();
    expect(await codeOf(UdpPort.bind({ host: "192.0.2.1", port: 0 }, { streams }))).toBe("address-invalid");
    expect(await codeOf(UdpPort.bind({ host: "no-such-name.invalid", port: 0 }, { streams }))).toBe("address-invalid");
  });

  it("leaves its port to the next one", async () => {
    const { port } = (await bound()).local;
    await open.pop()!.close();
    expect((await bound({ host: "127.0.0.1", port })).local.port).toBe(port);
  });
});
