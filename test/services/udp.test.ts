/** Datagrams by way of members, and the table of flows. */
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { FLOWS } from "../../services/forward/carrying/limits.js";
import { forward, type ListenSettings, listen } from "../../services/forward/index.js";
import { Flows } from "../../services/forward/udp/flows.js";
import { OfflineNetwork, type TestClient } from "../support/network.js";

describe("flows", () => {
  function flows() {
    let now = 0;
    const over: string[] = [];
    const table = new Flows<string>({ max: 2, idleMs: 100, now: () => now, onOver: (flow) => over.push(flow) });
    const use = (source: string) => table.use(source, () => `flow of ${source}`);
    return { table, over, use, at: (ms: number) => (now = ms) };
  }

  it("are one for each source, and the one used least recently gives way", () => {
    const { over, use, table } = flows();
    use("a");
    use("b");
    expect(use("a")).toBe("flow of a");
    use("c");
    expect(over).toEqual(["flow of b"]);
    expect(table.size).toBe(2);
  });

  it("are over when they are silent", () => {
    const { over, use, table, at } = flows();
    use("a");
    at(60);
    use("b");
    at(120);
    table.sweep();
    expect(over).toEqual(["flow of a"]);
    table.close();
    expect(over).toEqual(["flow of a", "flow of b"]);
  });
});

describe("a port of UDP", () => {
  let network: OfflineNetwork;
  let alice: TestClient;
  let bob: TestClient;
  beforeAll(async () => {
    const made = await OfflineNetwork.of(2);
    network = made.network;
    [alice, bob] = made.clients as [TestClient, TestClient];
  });
  afterAll(() => network[Symbol.asyncDispose]());

  async function bound(): Promise<Socket> {
    const socket = createSocket("udp4");
    socket.bind(0, "127.0.0.1");
    await once(socket, "listening");
    onTestFinished(() => void socket.close());
    return socket;
  }

  async function joined(more: Partial<ListenSettings> = {}) {
    const target = await bound();
    target.on("message", (datagram, { port, address }) => target.send(`${datagram} to ${port}`, port, address));
    const there = forward(bob, { target: `udp://127.0.0.1:${target.address().port}` });
    onTestFinished(() => there.close());
    const here = await listen(alice, { to: bob.id, protocol: there.protocol, listen: "udp://127.0.0.1:0", ...more });
    onTestFinished(() => here.close());
    return { target, there, here, port: Number(here.address.split(":").at(-1)) };
  }

  async function asked(port: number, text: string, socket: Socket): Promise<string> {
    const answer = once(socket, "message");
    socket.send(text, port, "127.0.0.1");
    return `${(await answer)[0]}`;
  }

  it("is answered to each source by a socket of its own, and as large as a datagram may be", async () => {
    const { port, there, here, target } = await joined();
    expect(there.protocol).toBe(`/udp/${target.address().port}`);
    const [one, other] = [await bound(), await bound()];
    const answers = [await asked(port, "one", one), await asked(port, "other", other), await asked(port, "again", one)];
    const [first, second, third] = answers.map((answer) => answer.split(" to ")[1]);
    expect(first).toBe(third);
    expect(first).not.toBe(second);
    const large = "x".repeat(60_000);
    expect((await asked(port, large, one)).length).toBeGreaterThan(60_000);
    expect(here.figures()).toMatchObject({ streams: 2, total: 2, failed: 0 });
  });

  it("has few flows at once, however many ask, and goes on", async () => {
    const { port, here } = await joined();
    const many = FLOWS + 20;
    // Open until all have asked: the system gives a port that is free again to the next one, and that is the same flow.
    const sockets = Array.from({ length: many }, () => createSocket("udp4"));
    for (const [index, socket] of sockets.entries()) await asked(port, `${index}`, socket);
    for (const socket of sockets) socket.close();
    expect(here.figures()).toMatchObject({ total: many, failed: 0, lastError: undefined });
    expect(here.figures().streams).toBeLessThanOrEqual(FLOWS);
  });

  it("has as many as it is told to have, and for as long", async () => {
    const { port, here, there } = await joined({ connections: 2, idleMs: 1 });
    const sockets = [await bound(), await bound(), await bound()];
    for (const [index, socket] of sockets.entries()) await asked(port, `${index}`, socket);
    expect(here.figures()).toMatchObject({ total: 3, failed: 0 });
    expect(here.figures().streams).toBeLessThanOrEqual(2);
    await there.close();
    const short = forward(bob, { target: there.target, protocol: "/udp/short", idleMs: 1 });
    onTestFinished(() => short.close());
    const other = await listen(alice, { to: bob.id, protocol: "/udp/short", listen: "udp://127.0.0.1:0" });
    onTestFinished(() => other.close());
    sockets[0]!.send("once", Number(other.address.split(":").at(-1)), "127.0.0.1");
    while (short.figures().total === 0 || short.figures().streams > 0) await new Promise((done) => setImmediate(done));
  });

  it("ends with its listener, and its forward", async () => {
    const { port, here, there } = await joined();
    await asked(port, "hello", await bound());
    await there.close();
    while (here.figures().streams > 0) await new Promise((done) => setImmediate(done));
    await here.close();
    await here.close();
    expect(there.figures().streams).toBe(0);
  });

  it("is told from one that is taken", async () => {
    const { here } = await joined();
    await expect(listen(alice, { to: bob.id, protocol: "/x", listen: here.address })).rejects.toMatchObject({
      code: "address-in-use",
    });
  });
});
