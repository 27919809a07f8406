/** Whole topologies of real members in one process: LANs, NATs, partitions; no socket, no file. */
import { describe, expect, it } from "vitest";
import { type Change, Client, decodeText, encodeText } from "../../client/index.js";
import { startTestNetwork } from "../../testing/index.js";

const SOCKETS = /^(TCP|UDP)/;

async function next(client: Client, kind: Change["kind"]): Promise<Change> {
  for await (const change of client.changes()) if (change.kind === kind) return change;
  throw new Error("The client stopped.");
}

async function until(client: Client, isSo: () => boolean): Promise<void> {
  if (isSo()) return;
  for await (const _ of client.changes()) if (isSo()) return;
}

describe("a network for tests", () => {
  it("starts whole, without a socket, and members talk in every way", async () => {
    const before = process.getActiveResourcesInfo().filter((name) => SOCKETS.test(name)).length;
    const told: string[] = [];
    await using network = await startTestNetwork({
      members: 4,
      path: { latencyMs: 1, loss: 0.01 },
      prepare: (client) => {
        client.registerMessageHandler((data) => data);
        client.registerGossipHandler((data) => void told.push(decodeText(data)));
        client.registerStreamHandler(async (stream) => {
          for await (const data of stream) stream.write(data);
          stream.end();
        });
      },
    });
    const [a, b] = network.members as [Client, Client];
    expect(a.member("member-2")?.id).toBe(b.id);
    expect(decodeText(await a.sendToId(b.id, encodeText("hello")))).toBe("hello");
    // One datagram in a hundred is lost, each way.
    await expect.poll(async () => (await a.ping(b.id)).udpMs ?? 0, { timeout: 20_000 }).toBeGreaterThanOrEqual(2);
    const stream = await a.openStream(b.id);
    stream.end(encodeText("along"));
    for await (const data of stream) expect(decodeText(data)).toBe("along");
    a.setGossipContent(encodeText("news"));
    await expect.poll(() => told, { timeout: 20_000 }).toContain("news");
    const sockets = process.getActiveResourcesInfo().filter((name) => SOCKETS.test(name));
    expect(sockets.length).toBe(before);
  });

  it("three LANs: a partition parts the views, and healing makes them whole", async () => {
    await using network = await startTestNetwork({ members: 2 });
    const [cloud, office] = [network.lan, network.network.lan({ name: "office", latencyMs: 1 })];
    const lab = network.network.lan({ name: "lab", latencyMs: 2 });
    network.network.link(cloud, office, { latencyMs: 5 });
    network.network.link(office, lab, { latencyMs: 3 });
    await network.add({ lan: office, name: "desk" });
    await network.add({ lan: lab, name: "bench" });
    await network.whole();
    const [first, second, desk, bench] = network.members as [Client, Client, Client, Client];
    bench.registerMessageHandler(() => encodeText("through the office"));
    expect(decodeText(await first.sendToId(bench.id, encodeText("?")))).toBe("through the office");
    expect(first.member("bench")?.address).toMatch(/^11\.3\.0\.1:\d+$/);
    network.network.partition([cloud], [office, lab]);
    await Promise.all([
      until(first, () => first.members().length === 1),
      until(second, () => second.members().length === 1),
      until(desk, () => desk.members().length === 1),
      until(bench, () => bench.members().length === 1),
    ]);
    expect(desk.member("bench")?.id).toBe(bench.id);
    network.network.healAll();
    await network.whole();
  });

  it("a member that falls silent is removed, and nobody else", async () => {
    await using network = await startTestNetwork({ members: 4 });
    const [a, b, c, d] = network.members as [Client, Client, Client, Client];
    const gone = [a, b, c].map((client) => next(client, "failed"));
    for (const client of [a, b, c]) network.network.silence(client.self.name!, d.self.name!);
    for (const change of await Promise.all(gone)) expect(change).toMatchObject({ member: { id: d.id } });
    for (const client of [a, b, c]) expect(client.members().length).toBe(2);
  });

  it("a member that is killed goes without a word, and comes back as the same one, in place of its former life", async () => {
    await using network = await startTestNetwork({
      members: 5,
      prepare: (client) => client.registerMessageHandler(() => encodeText(client.self.name!)),
    });
    const [a, b, , , e] = network.members as [Client, Client, Client, Client, Client];
    const { epoch } = e.self;
    const failed = next(a, "failed");
    await network.kill(e);
    expect(network.members.length).toBe(4);
    expect(await failed).toMatchObject({ member: { id: e.id }, reason: "removed" });
    await network.gone(e);
    const again = await network.restart(e);
    await network.whole();
    expect([again.id, again.self.name, network.hostOf(again)]).toEqual([e.id, "member-5", network.hostOf(e)]);
    expect(again.self.epoch).toBeGreaterThan(epoch);
    expect(decodeText(await b.sendToId("member-5", encodeText("?")))).toBe("member-5");
    // One that runs is killed first, and the others need not notice.
    const second = await network.restart(b);
    await network.whole();
    expect(network.members.at(-1)).toBe(second);
    expect(a.member("member-2")?.epoch).toBe(second.self.epoch);
  });

  it("a partition by members, a wait that ends by its signal, and clients that are not its own", async () => {
    await using network = await startTestNetwork({ members: 4 });
    const [a, b, c, d] = network.members as [Client, Client, Client, Client];
    network.partition([d]);
    await network.gone(d);
    await network.gone(a, [d]);
    network.heal();
    await network.whole();
    network.partition([a], [b]); // The others still reach both.
    expect(decodeText(await c.sendToId(a.id, encodeText("")).catch((error) => encodeText(error.code)))).toBe(
      "handler-missing",
    );
    network.heal();
    await expect(network.gone(b, [a], { signal: AbortSignal.abort(new Error("enough")) })).rejects.toThrow("enough");
    const stranger = new Client({ config: false });
    expect(() => network.hostOf(stranger)).toThrow(RangeError);
    await expect(startTestNetwork({ members: 0 })).rejects.toThrow("1 member or more");
  });

  it("a client of one's own joins by `lan.add`, before its start and not after", async () => {
    await using network = await startTestNetwork({ members: 1 });
    const [first] = network.members as [Client];
    const identity = await network.identity("mine");
    const client = new Client({
      config: false,
      preset: "local",
      identity,
      entryAddrs: [`member-1:${first.address.split(":")[1]}`],
    });
    const host = network.lan.add(client);
    await client.start();
    expect(client.address).toMatch(new RegExp(`^${host.host}:`));
    expect(() => network.lan.add(client)).toThrow(expect.objectContaining({ code: "already-started" }));
    await client.stop();
  });

  it("an identity that is damaged, or whose key is another one's, is refused", async () => {
    await using network = await startTestNetwork({ members: 1 });
    const [one, other] = [await network.identity("one"), await network.identity("other")];
    for (const identity of [
      { ...one, certificate: "" },
      { ...one, privateKey: other.privateKey },
    ])
      await expect(new Client({ config: false, identity }).start()).rejects.toMatchObject({ code: "identity-corrupt" });
  });
});
