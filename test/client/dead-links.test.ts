/** Connections that die without a word, and members that cannot be reached: over real sockets, behind a proxy. */
import { once } from "node:events";
import { describe, expect, it, vi } from "vitest";
import { formatAddress, tcpTransport } from "../../net/index.js";
import { only } from "../support/nat.js";
import { codeOf, deferred, OfflineNetwork, read, type TestClient, text, until, whole } from "../support/network.js";
import { freePort, TcpProxy } from "../support/tcp-proxy.js";

/** Found dead after 2 s of silence and 2 more after a question; a dial; and some for a busy machine. */
const AGAIN_WITHIN_MS = 8_000;

/** A member whose port is behind a proxy. */
async function behindProxy(network: OfflineNetwork, options: { entryAddrs?: string[] } = {}) {
  const port = await freePort();
  const behind = { scheme: "tcp", host: "127.0.0.1", port };
  const proxy = network.closing(await TcpProxy.to(behind), (each) => each.close());
  const member = await network.member({
    ...options,
    listen: `127.0.0.1:${port}`,
    advertise: [formatAddress(proxy.address)],
  });
  member.registerMessageHandler((data) => data);
  member.registerStreamHandler((stream) => void stream.pipe(stream));
  await member.start();
  return { member, proxy };
}

/** Members a and b, and the proxies before their ports: whoever has dialled, their sessions pass one of them. */
async function bothBehindProxies(network: OfflineNetwork) {
  const { member: a, proxy: ofA } = await behindProxy(network);
  const { member: b, proxy: ofB } = await behindProxy(network, { entryAddrs: [a.address] });
  await whole([a, b]);
  return { a, b, proxies: [ofA, ofB] };
}

/** Milliseconds until a message from a to b is answered again. */
async function answersWithin(a: TestClient, b: TestClient, ms: number): Promise<number> {
  const startedAt = performance.now();
  const ask = async () => expect(await codeOf(a.sendToId(b.id, text("x"), { timeout: 2_000 }))).toBe("none");
  await vi.waitFor(ask, { timeout: ms, interval: 50 });
  return performance.now() - startedAt;
}

describe("a connection that goes silent without closing", () => {
  it("is replaced, and again: messages flow within seconds, and the view never changes", async () => {
    await using network = await OfflineNetwork.create();
    const { a, b, proxies } = await bothBehindProxies(network);
    expect(read(await a.sendToId(b.id, text("before")))).toBe("before");
    const changes: string[] = [];
    const watched = (async () => {
      for await (const change of a.changes()) changes.push(change.kind);
    })();
    for (let time = 0; time < 2; time++) {
      for (const proxy of proxies) proxy.silence();
      expect(await answersWithin(a, b, AGAIN_WITHIN_MS)).toBeLessThan(AGAIN_WITHIN_MS);
    }
    expect(a.ids).toEqual([b.id]);
    await a.stop();
    await watched;
    expect(changes.filter((kind) => kind === "failed")).toEqual([]);
  });

  it("ends its streams with link-closed", async () => {
    await using network = await OfflineNetwork.create();
    const { a, b, proxies } = await bothBehindProxies(network);
    const stream = await a.openStream(b.id);
    stream.write(text("x"));
    await once(stream, "data");
    for (const proxy of proxies) proxy.silence();
    stream.write(text("y"));
    const [error] = await once(stream, "error");
    expect(error.code).toBe("link-closed");
  });
});

describe("a session that the other side made and that goes silent", () => {
  it("leads to a dial of my own, and messages flow again", async () => {
    await using network = await OfflineNetwork.create();
    const { member: a, proxy } = await behindProxy(network);
    const reachable = [a.address];
    const transports = [only(tcpTransport(), () => reachable)];
    const b = await network.member({ entryAddrs: [a.address] }, undefined, { transports });
    b.registerMessageHandler((data) => data);
    await b.start();
    await whole([a, b]);
    reachable.pop();
    const pathOfA = () => a.paths().find(({ id }) => id === b.id)?.path;
    expect(pathOfA()).toBe("reversed");
    proxy.silence();
    await answersWithin(a, b, AGAIN_WITHIN_MS);
    expect(pathOfA()).toBe("direct");
    expect(a.ids).toEqual([b.id]);
  });
});

describe("a member that others see and I cannot reach", () => {
  it("stays in the view while it reaches me, and messages take the way back", async () => {
    await using network = await OfflineNetwork.create();
    const a = await network.start();
    const { member: b, proxy } = await behindProxy(network, { entryAddrs: [a.address] });
    const c = await network.start({ entryAddrs: [a.address] });
    await whole([a, b, c]);
    a.registerMessageHandler((data) => data);
    await b.sendToId(a.id, text("I was here first"));
    await proxy.close();
    // What was under way when the connection broke is lost; the next one takes the session that b has made.
    await answersWithin(a, b, AGAIN_WITHIN_MS);
    expect(a.ids).toContain(b.id);
    expect(a.members().find(({ id }) => id === b.id)?.reachable).toBe(true);
  });
});

describe("a reset under load of calls", () => {
  it("costs the calls under way and nothing more", async () => {
    await using network = await OfflineNetwork.create();
    const { a, b, proxies } = await bothBehindProxies(network);
    for (let round = 0; round < 5; round++) {
      const calls = Array.from({ length: 50 }, (_, index) => codeOf(a.sendToId(b.id, text(`${index}`))));
      const begun = deferred();
      setImmediate(begun.resolve);
      await begun.promise;
      for (const proxy of proxies) proxy.reset();
      const ended = new Set(await Promise.all(calls));
      for (const code of ended) expect(["none", "link-closed", "peer-unreachable"]).toContain(code);
      await answersWithin(a, b, AGAIN_WITHIN_MS);
    }
    await until(a, () => a.ids.length === 1);
  });
});
