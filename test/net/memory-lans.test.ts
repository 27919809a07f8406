/** LANs in memory: what lies between two hosts, which way bytes take, NATs at the edge, datagrams. */
import { once } from "node:events";
import type { Duplex } from "node:stream";
import fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import {
  type DatagramCarrier,
  type HostPort,
  type MemoryHost,
  type MemoryNatKind,
  MemoryNetwork,
} from "../../net/index.js";
import { transportContract } from "../../testing/index.js";
import { closed, later, soon } from "./waiting.js";

const never = new AbortController().signal;

/** Both ends of a path between two LANs. */
function ends(near: Parameters<MemoryNetwork["lan"]>[0], link: Parameters<MemoryNetwork["link"]>[2]) {
  const network = new MemoryNetwork();
  const [a, b] = [network.lan(near), network.lan()];
  network.link(a, b, link);
  return { dialling: a.host().transports[0]!, listening: b.host().transports[0]! };
}

const runner = { describe, test };
transportContract(
  "Memory between LANs",
  { create: () => ends({}, {}), host: "11.2.0.1", diallerHost: "11.1.0.1" },
  runner,
);
transportContract(
  "Memory over a slow, lossy path from behind a NAT",
  {
    create: () => ends({ nat: "symmetric" }, { latencyMs: 1, jitterMs: 2, loss: 0.001, bytesPerSecond: 2 ** 30 }),
    host: "11.2.0.1",
    diallerHost: "12.0.0.1",
    failures: { "no-route": () => ({ address: { scheme: "tcp", host: "11.9.0.1", port: 1 } }) },
  },
  runner,
  { bytes: 4 * 1024 * 1024, lives: 20 },
);

async function listening(host: MemoryHost) {
  const far: Duplex[] = [];
  const { address } = await host.transports[0]!.listen({ host: host.host, port: 0 }, (connection) =>
    far.push(connection.pipe(connection)),
  );
  return { address, far };
}

const dial = (from: MemoryHost, { address }: Awaited<ReturnType<typeof listening>>, signal = never) =>
  from.transports[0]!.dial(address, { signal });

async function roundTrip(connection: Duplex): Promise<number> {
  const sentAt = performance.now();
  connection.write("?");
  await once(connection, "data");
  return performance.now() - sentAt;
}

describe("hosts of LANs", () => {
  it("take the quickest way of all links, and another one when that is cut; without any there is no route", async () => {
    const network = new MemoryNetwork();
    const [a, b, c] = [network.lan(), network.lan({ latencyMs: 1 }), network.lan()];
    const slow = network.link(a, c, { latencyMs: 40 });
    const half = network.link(a, b);
    network.link(b, c, { latencyMs: 2 });
    const [from, to] = [a.host(), await listening(c.host())];
    const near = await dial(from, to);
    expect(await roundTrip(near)).toBeLessThan(40);
    half.cut();
    expect(near.destroyed).toBe(false);
    expect(await roundTrip(near)).toBeGreaterThanOrEqual(80);
    slow.cut();
    await closed(near);
    await expect(dial(from, to)).rejects.toMatchObject({ reason: "no-route" });
    half.heal();
    expect(await roundTrip(await dial(from, to))).toBeLessThan(40);
  });

  it("wait as long as latency and bandwidth say, in both directions", async () => {
    const network = new MemoryNetwork();
    const lan = network.lan({ latencyMs: 10, bytesPerSecond: 1_000_000 });
    const near = await dial(lan.host(), await listening(lan.host()));
    expect(await roundTrip(near)).toBeGreaterThanOrEqual(20);
    const startedAt = performance.now();
    near.end(Buffer.alloc(100_000));
    await once(near.resume(), "end");
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(110); // The echo follows on the heels of what comes.
    lan.change({ latencyMs: 0, bytesPerSecond: undefined });
  });

  it("are told apart: a host that is not there, a port at which nobody listens, an address that is another one's", async () => {
    const network = new MemoryNetwork();
    const lan = network.lan();
    const [a, b] = [lan.host("a"), lan.host("b")];
    const at = (host: string) => a.transports[0]!.dial({ scheme: "tcp", host, port: 9 }, { signal: never });
    await expect(at(b.host)).rejects.toMatchObject({ reason: "refused" });
    await expect(at("11.1.0.77")).rejects.toMatchObject({ reason: "no-route" });
    for (const host of ["127.0.0.1", b.host])
      await expect(a.transports[0]!.listen({ host, port: 0 }, () => {})).rejects.toMatchObject({
        code: "address-invalid",
      });
    expect((await a.transports[0]!.listen({ host: "0.0.0.0", port: 0 }, () => {})).address.host).toBe(a.host);
    expect(await a.resolver.addresses("B", { deadline: 0 })).toEqual([b.host]);
    await expect(a.resolver.addresses("c", { deadline: 0 })).rejects.toMatchObject({ reason: "unresolved" });
    expect(() => lan.host("a")).toThrow(RangeError);
  });

  it("cut and silence act on whole LANs and on single hosts", async () => {
    const network = new MemoryNetwork();
    const [left, right] = [network.lan(), network.lan()];
    network.link(left, right);
    const [a, b] = [left.host(), left.host()];
    const to = await listening(right.host());
    const [one, other] = [await dial(a, to), await dial(b, to)];
    network.cut(a, right);
    await closed(one);
    expect(await roundTrip(other)).toBeGreaterThanOrEqual(0);
    network.partition([left], [right]);
    await closed(other);
    network.healAll();
    const again = await dial(a, to);
    network.silence(left, right);
    again.write("?");
    const controller = new AbortController();
    const dialling = dial(b, to, controller.signal);
    controller.abort();
    await expect(dialling).rejects.toMatchObject({ reason: "cancelled" });
    const answered = once(again, "data");
    network.heal(left, right);
    await answered;
  });

  it("what is unplugged stays cut off, whatever is healed, until it is plugged in", async () => {
    const network = new MemoryNetwork();
    const lan = network.lan();
    const [a, b] = [lan.host(), lan.host()];
    const to = await listening(b);
    const open = await dial(a, to);
    network.unplug(b);
    await closed(open);
    network.healAll();
    network.heal(a, b);
    await expect(dial(a, to)).rejects.toMatchObject({ reason: "no-route" });
    network.plug(b);
    await dial(a, to);
  });

  it.each([
    ["the names, as anybody writes them", "AT HOME", "Cloud Host"],
    ["the names, the other way round", "cloud host", "At home"],
    ["the addresses", "10.1.0.1", "11.2.0.1"],
    ["the address that the NAT shows", "12.0.0.1", "11.2.0.1"],
  ])("cut and silence act on a host behind a NAT by %s", async (_, inner, outer) => {
    const network = new MemoryNetwork();
    const [home, cloud] = [network.lan({ nat: "symmetric" }), network.lan()];
    network.link(home, cloud);
    const [a, b] = [home.host("At Home"), cloud.host("cloud host")];
    const to = await listening(b);
    const one = await dial(a, to);
    network.silence(inner, outer);
    let heard = 0;
    one.on("data", () => heard++);
    one.write("?");
    for (let turns = 0; turns < 10; turns++) await new Promise(setImmediate);
    expect(heard).toBe(0);
    network.heal(inner, outer);
    await once(one, "data");
    network.cut(inner, outer);
    await closed(one);
    await expect(dial(a, to)).rejects.toMatchObject({ reason: "no-route" });
  });

  it("what is cut or silenced by a name that nothing has is an error, and says what there is", () => {
    const network = new MemoryNetwork();
    network.lan().host("Ada");
    for (const act of [network.cut, network.silence, network.heal])
      expect(() => act.call(network, "ada", "bea")).toThrow("Nothing in this network is called bea. There are: Ada.");
    expect(() => network.lan().host("ADA")).toThrow(RangeError);
  });

  it("refuse what no path can be", () => {
    const network = new MemoryNetwork();
    for (const bad of [{ latencyMs: -1 }, { loss: 2 }, { jitterMs: Number.NaN }, { bytesPerSecond: 0 }])
      expect(() => network.lan(bad)).toThrow(RangeError);
  });
});

interface Datagrams {
  readonly carrier: DatagramCarrier;
  readonly heard: { readonly text: string; readonly from: HostPort }[];
}

async function bound(host: MemoryHost): Promise<Datagrams> {
  const carrier = await host.bindDatagrams({ host: host.host, port: 0 });
  const heard: Datagrams["heard"] = [];
  carrier.onDatagram((bytes, from) => heard.push({ text: Buffer.from(bytes).toString(), from }));
  return { carrier, heard };
}

const say = ({ carrier }: Datagrams, text: string, to: HostPort) => carrier.send(Buffer.from(text), to);

describe("datagrams in memory", () => {
  it("lose the share that the path loses, and never what it does not", async () => {
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(0, 0.3, 1), fc.integer(), async (loss, seed) => {
        let state = seed;
        const random = () => {
          state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
          return state / 2 ** 32;
        };
        const network = new MemoryNetwork({ random });
        const lan = network.lan({ loss });
        const [a, b] = [await bound(lan.host()), await bound(lan.host())];
        for (let count = 0; count < 400; count++) say(a, "x", b.carrier.local);
        await new Promise((done) => setImmediate(() => setImmediate(done)));
        await soon(() => {
          if (loss === 0) expect(b.heard.length).toBe(400);
          else if (loss === 1) expect(b.heard.length).toBe(0);
          else expect(Math.abs(b.heard.length - 280)).toBeLessThan(60);
        });
      }),
      { numRuns: 9 },
    );
  });

  /** Whether somebody else of the asked host, another host, and who was not asked, gets in. */
  const NATS: readonly (readonly [MemoryNatKind, boolean, boolean])[] = [
    ["full-cone", true, true],
    ["address-restricted", true, false],
    ["port-restricted", false, false],
    ["symmetric", false, false],
  ];

  it.each(NATS)("a %s NAT lets in: another port of who was asked %s, another host %s", async (nat, port, host) => {
    const network = new MemoryNetwork();
    const [home, cloud] = [network.lan({ nat }), network.lan()];
    network.link(home, cloud);
    const inner = await bound(home.host());
    const server = cloud.host();
    const asked = await bound(server);
    const [samePlace, elsewhere] = [await bound(server), await bound(cloud.host())];
    say(inner, "hello", asked.carrier.local);
    await soon(() => expect(asked.heard.length).toBe(1));
    const seen = asked.heard[0]!.from;
    expect(seen.host).toBe("12.0.0.1");
    say(samePlace, "port", seen);
    say(elsewhere, "host", seen);
    say(elsewhere, "inside", inner.carrier.local); // No address of the inner side leads there.
    say(asked, "answer", seen);
    await soon(() => expect(inner.heard.map(({ text }) => text)).toContain("answer"));
    const expected = [...(port ? ["port"] : []), ...(host ? ["host"] : []), "answer"];
    expect(inner.heard.map(({ text }) => text)).toEqual(expected);
    say(inner, "hello", elsewhere.carrier.local);
    await soon(() => expect(elsewhere.heard.length).toBe(1));
    expect(elsewhere.heard[0]!.from.port === seen.port).toBe(nat !== "symmetric");
  });

  it("nobody dials into a NAT; its own hosts reach each other", async () => {
    const network = new MemoryNetwork();
    const [home, cloud] = [network.lan({ nat: "full-cone" }), network.lan()];
    network.link(home, cloud);
    const to = await listening(home.host());
    expect(await roundTrip(await dial(home.host(), to))).toBeGreaterThanOrEqual(0);
    const signal = AbortSignal.timeout(50);
    await expect(dial(cloud.host(), to, signal)).rejects.toMatchObject({ reason: "cancelled" });
  });

  it("has one socket for each port, and none after close", async () => {
    const lan = new MemoryNetwork().lan();
    const [a, b] = [lan.host(), await bound(lan.host())];
    const { carrier } = await bound(a);
    await expect(a.bindDatagrams(carrier.local)).rejects.toMatchObject({ code: "address-in-use" });
    const heard = later<HostPort>();
    b.carrier.onDatagram((_, from) => heard.resolve(from));
    carrier.send(Buffer.alloc(1_233), b.carrier.local);
    carrier.send(Buffer.alloc(1_232), b.carrier.local);
    expect(await heard.promise).toEqual(carrier.local);
    carrier.close();
    expect((await a.bindDatagrams(carrier.local)).local).toEqual(carrier.local);
  });
});
