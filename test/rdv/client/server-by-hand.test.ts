/** A client against a server and peers that are moved by hand, with the bytes of docs/rdv.md. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  AddressSpaces,
  type Conn,
  pickFirst,
  RdvClient,
  type RdvClientOptions,
  waitConstant,
  waitForP2P,
} from "../../../rdv/index.js";
import { RawServer, RawSocket } from "../../support/raw-socket.js";
import { bytesOf } from "../../support/rdv-bytes.js";

let server: RawServer;
const conns: Promise<Conn>[] = [];
const sockets: { destroy(): void }[] = [];

beforeEach(async () => {
  server = await RawServer.listen();
});
afterEach(async () => {
  server.close();
  for (const socket of sockets.splice(0)) socket.destroy();
  for (const conn of await Promise.allSettled(conns.splice(0))) if (conn.status === "fulfilled") conn.value.destroy();
});

const url = () => `http://127.0.0.1:${server.port}/rdv`;
const LOCAL = AddressSpaces.of("loopback4");

/** Begins an attempt, and takes its request. */
async function begun(method: "DIAL" | "ACCEPT", options: RdvClientOptions = {}, headers: Record<string, string> = {}) {
  const client = new RdvClient({ addressSpaces: LOCAL, timeoutMs: 20_000, ...options });
  const conn = client.do(method, url(), "to k", { headers });
  conns.push(conn);
  conn.catch(() => {});
  const relay = await server.next();
  sockets.push(relay);
  const request = await relay.until("\r\n\r\n");
  return { conn, relay, request };
}

const own = (request: string) => (/\r\nRdv-Self-Addrs: (.*)\r\n/.exec(request)?.[1] ?? "").split(", ").filter(Boolean);

/** The answer to two that met; the peer is at these ports of loopback. */
const answer = (...ports: number[]) =>
  bytesOf("answer", {
    "10.0.0.1:7, 127.0.0.1:5, [2001:db8::1]:6": ports.map((port) => `127.0.0.1:${port}`).join(", "),
  });

const DIALER_LINE = bytesOf("dialer-line");
const ACCEPTER_LINE = bytesOf("accepter-line");
const CONTINUE = bytesOf("continue");

describe("the request", () => {
  it("has the bytes of docs/rdv.md, with the client's own addresses", async () => {
    const { request } = await begun("DIAL", {}, { "X-Application": "yes" });
    const expected = bytesOf("request", {
      "127.0.0.1:8321": `127.0.0.1:${server.port}`,
      "192.0.2.2:40479, [fd00::2]:40479": own(request).join(", "),
    });
    expect(request).toBe(expected);
  });

  it("tells two ports of each address, and listens at both: a port of its own, and the one that it comes from", async () => {
    const { request, relay } = await begun("ACCEPT");
    expect(request).toMatch(/^ACCEPT /);
    const ports = own(request).map((address) => Number(/^127\.0\.0\.1:(\d+)$/.exec(address)?.[1]));
    expect(ports).toHaveLength(2);
    expect(ports).toContain(relay.socket.remotePort);
    const listening = ports.find((port) => port !== relay.socket.remotePort) ?? 0;
    sockets.push(await RawSocket.connect({ host: "127.0.0.1", port: listening }));
    sockets.push(await RawSocket.connect({ host: "127.0.0.1", port: relay.socket.remotePort ?? 0 }));
  });

  it("tells nobody the token who comes before the peer does, and takes the peer that has come so early", async () => {
    const { conn, request, relay } = await begun("ACCEPT");
    const ports = own(request).map((address) => Number(/:(\d+)$/.exec(address)?.[1]));
    const early = await Promise.all(ports.map((port) => RawSocket.connect({ host: "127.0.0.1", port })));
    sockets.push(...early);
    // Each of these is let in behind those.
    for (const port of [...ports, ...ports]) sockets.push(await RawSocket.connect({ host: "127.0.0.1", port }));
    expect(early.map(({ socket }) => socket.bytesRead)).toEqual([0, 0]);
    relay.send(answer());
    const told = await Promise.all(early.map((socket) => socket.until("\n")));
    expect(told).toEqual(ports.map(() => ACCEPTER_LINE));
    early[0]!.send(`${DIALER_LINE}${CONTINUE}`);
    expect(await conn).toMatchObject({ isRelay: false, remoteAddress: `127.0.0.1:${early[0]!.port}` });
  });

  it("tells only addresses of the enabled spaces, at most nine", async () => {
    expect(own((await begun("DIAL", { addressSpaces: AddressSpaces.none })).request)).toEqual([]);
    const all = own((await begun("DIAL", { addressSpaces: AddressSpaces.all })).request);
    expect(all.length).toBeGreaterThanOrEqual(2);
    expect(all.length).toBeLessThanOrEqual(9);
  });
});

describe("the answer", () => {
  it("may come in pieces, with the word and data behind it", async () => {
    const { conn, relay } = await begun("ACCEPT");
    for (const byte of `${answer()}${CONTINUE}data`) {
      relay.send(byte);
      await new Promise(setImmediate);
    }
    const { isRelay, observedAddress, remoteAddress, response } = await conn;
    expect({ isRelay, observedAddress, remoteAddress }).toEqual({
      isRelay: true,
      observedAddress: "127.0.0.1:39390",
      remoteAddress: `127.0.0.1:${server.port}`,
    });
    expect(response).toMatchObject({ status: 101, headers: { upgrade: "rdv/1" } });
    let data = "";
    for await (const chunk of await conn) {
      data += chunk;
      if (data.length === 4) break;
    }
    expect(data).toBe("data");
  });

  it.each([
    [bytesOf("refusal"), { status: 409, body: "replaced by another conn" }],
    [
      "HTTP/1.1 403 Forbidden\r\nContent-Length: 3\r\nX-Why: z\r\n\r\nno!",
      { status: 403, headers: { "x-why": "z" }, body: "no!" },
    ],
    ["HTTP/1.0 200 OK\r\n\r\n", { status: 200, body: "" }],
  ])("%j is a refusal, and the program sees it", async (text, response) => {
    const { conn, relay } = await begun("DIAL");
    relay.send(text).end();
    await expect(conn).rejects.toMatchObject({ code: "rdv-handshake", response });
  });

  it("longer than what a client reads of a body is cut", async () => {
    const { conn, relay } = await begun("DIAL");
    relay.send(`HTTP/1.1 500 X\r\n\r\n${"y".repeat(5_000)}`);
    await expect(conn).rejects.toMatchObject({ response: { body: "y".repeat(1_024) } });
  });

  it.each([
    ["a server of another protocol", "SSH-2.0-x\r\n\r\n", "rdv-handshake"],
    ["no rdv/1", bytesOf("answer", { "rdv/1": "rdv/2" }), "rdv-handshake"],
    ["peer addresses that are none", bytesOf("answer", { "10.0.0.1:7": "x:7" }), "rdv-handshake"],
    ["a head without an end", "HTTP/1.1 101 Switching Protocols\r\n".repeat(1_000), "rdv-protocol"],
    ["nothing", "", "rdv-closed"],
  ])("%s ends it with a code", async (_case, text, code) => {
    const { conn, relay } = await begun("DIAL");
    relay.send(text).end();
    await expect(conn).rejects.toMatchObject({ name: "RdvError", code });
  });
});

describe("a dialler", () => {
  it("takes the first direct connection: OTHER to the server, CONTINUE and data to the peer", async () => {
    const peer = await RawServer.listen();
    sockets.push(peer);
    const { conn, relay } = await begun("DIAL", { picker: waitConstant(300) });
    relay.send(answer(peer.port));
    const [direct] = [await peer.next()];
    sockets.push(direct);
    expect(await direct.until("\n")).toBe(DIALER_LINE);
    direct.send(ACCEPTER_LINE);
    const chosen = await conn;
    expect(chosen).toMatchObject({ isRelay: false, remoteAddress: `127.0.0.1:${peer.port}` });
    chosen.write("data");
    expect(await relay.rest()).toBe(bytesOf("other", { "192.0.2.7:40123": `127.0.0.1:${peer.port}` }));
    expect(await direct.until("data")).toBe(`${CONTINUE}data`);
  });

  it("comes from the port that the server saw", async () => {
    const peer = await RawServer.listen();
    const { relay } = await begun("DIAL", { picker: waitConstant(100) });
    relay.send(answer(peer.port));
    const direct = await peer.next();
    sockets.push(peer, direct);
    expect(direct.socket.remotePort).toBe(relay.socket.remotePort);
  });

  it("takes the relay when nobody is there in time, and with no space enabled at once", async () => {
    for (const options of [
      { picker: waitConstant(50) },
      { picker: waitForP2P(50) },
      { addressSpaces: AddressSpaces.none },
      { picker: pickFirst() },
    ]) {
      const { conn, relay } = await begun("DIAL", options);
      relay.send(answer(9));
      expect((await conn).isRelay).toBe(true);
      (await conn).write("data");
      expect(await relay.until("data")).toBe(`${CONTINUE}data`);
    }
  });

  it.each([
    ["the wrong token", "rdv/1 ACCEPT other\n"],
    ["another dialler", DIALER_LINE],
    ["another service", "220 mail.example ESMTP\r\n"],
    ["a line without an end", "x".repeat(5_000)],
  ])("cuts %s, and takes the relay", async (_case, line) => {
    const peer = await RawServer.listen();
    const { conn, relay } = await begun("DIAL", { picker: waitConstant(300) });
    relay.send(answer(peer.port));
    const direct = await peer.next();
    sockets.push(peer, direct);
    direct.send(line);
    expect(await direct.rest()).toBe(DIALER_LINE);
    expect((await conn).isRelay).toBe(true);
  });

  it("dials again where it was refused", async () => {
    const { conn, relay } = await begun("DIAL", { picker: waitConstant(2_000) });
    const peer = await RawServer.listen();
    const { port } = peer;
    peer.close();
    relay.send(answer(port));
    await new Promise(setImmediate);
    const again = await RawServer.listen("127.0.0.1", port);
    const direct = await again.next();
    sockets.push(again, direct);
    expect(await direct.until("\n")).toBe(DIALER_LINE);
    direct.send(ACCEPTER_LINE);
    expect((await conn).isRelay).toBe(false);
  });

  it("dials again where its connection was cut before a word", async () => {
    const peer = await RawServer.listen();
    sockets.push(peer);
    const { conn, relay } = await begun("DIAL", { picker: waitForP2P(10_000) });
    relay.send(answer(peer.port));
    (await peer.next()).socket.resetAndDestroy();
    const direct = await peer.next();
    sockets.push(direct);
    direct.send(ACCEPTER_LINE);
    expect((await conn).isRelay).toBe(false);
  });

  it("takes a peer that comes to the port that the server saw, between two rounds of dials", async () => {
    const { conn, relay } = await begun("DIAL", { picker: waitForP2P(10_000) });
    const nobody = await RawServer.listen();
    const left = nobody.port;
    nobody.close();
    relay.send(answer(left));
    const port = relay.socket.remotePort ?? 0;
    let direct: RawSocket | undefined;
    while (direct === undefined) direct = await RawSocket.connect({ host: "127.0.0.1", port }).catch(() => undefined);
    sockets.push(direct);
    expect(await direct.until("\n")).toBe(DIALER_LINE);
    direct.send(ACCEPTER_LINE);
    expect(await conn).toMatchObject({ isRelay: false, remoteAddress: `127.0.0.1:${direct.port}` });
  });

  it("closes those that it does not take", async () => {
    const [one, two] = [await RawServer.listen(), await RawServer.listen()];
    const { conn, relay } = await begun("DIAL", { picker: waitConstant(300) });
    relay.send(answer(one.port, two.port));
    const both = [await one.next(), await two.next()];
    sockets.push(one, two, ...both);
    for (const direct of both) {
      await direct.until("\n");
      direct.send(ACCEPTER_LINE);
    }
    const { remoteAddress } = await conn;
    const [taken, left] = remoteAddress.endsWith(`:${one.port}`) ? both : both.toReversed();
    expect(await taken!.until("\n")).toBe(CONTINUE);
    expect(await left!.rest()).toBe("");
  });

  it("dials no address of a space that is not enabled, and takes no connection from one", async () => {
    const peer = await RawServer.listen();
    sockets.push(peer);
    const { conn, relay, request } = await begun("DIAL", {
      addressSpaces: AddressSpaces.public,
      picker: waitConstant(200),
    });
    relay.send(answer(peer.port));
    let dialled = false;
    void peer.next().then(() => {
      dialled = true;
    });
    const listening = own(request).map((address) => Number(/:(\d+)$/.exec(address)?.[1]));
    const port = listening.find((each) => each !== relay.socket.remotePort);
    if (port !== undefined) {
      const stranger = await RawSocket.connect({ host: "127.0.0.1", port });
      sockets.push(stranger);
      expect(await stranger.rest()).toBe("");
    }
    expect((await conn).isRelay).toBe(true);
    expect(dialled).toBe(false);
  });

  it("with a picker that chooses nobody, or throws, leaves nobody behind", async () => {
    for (const picker of [async () => [], () => Promise.reject(new Error("undecided"))]) {
      const { conn, relay } = await begun("DIAL", { picker });
      relay.send(answer());
      await expect(conn).rejects.toThrow();
      await relay.rest();
    }
  });
});

describe("an accepter", () => {
  it("takes the connection on which the dialler says so, with what comes behind the word", async () => {
    const { conn, relay, request } = await begun("ACCEPT");
    relay.send(answer());
    const port = Number(
      /:(\d+)$/.exec(own(request).find((each) => !each.endsWith(`:${relay.socket.remotePort}`)) ?? "")?.[1],
    );
    const [one, two] = [
      await RawSocket.connect({ host: "127.0.0.1", port }),
      await RawSocket.connect({ host: "127.0.0.1", port }),
    ];
    sockets.push(one, two);
    for (const direct of [one, two]) {
      expect(await direct.until("\n")).toBe(ACCEPTER_LINE);
      direct.send(DIALER_LINE);
    }
    two.send(`${CONTINUE}data`);
    const chosen = await conn;
    expect(chosen).toMatchObject({ isRelay: false, remoteAddress: `127.0.0.1:${two.port}` });
    expect([await one.rest(), await relay.rest()]).toEqual(["", ""]);
    for await (const chunk of chosen) {
      expect(String(chunk)).toBe("data");
      break;
    }
  });

  it("takes it also when the relay has ended before", async () => {
    const { conn, relay, request } = await begun("ACCEPT");
    relay.send(answer()).end();
    const port = Number(
      /:(\d+)$/.exec(own(request).find((each) => !each.endsWith(`:${relay.socket.remotePort}`)) ?? "")?.[1],
    );
    const direct = await RawSocket.connect({ host: "127.0.0.1", port });
    sockets.push(direct);
    direct.send(DIALER_LINE);
    await direct.until(ACCEPTER_LINE);
    direct.send(CONTINUE);
    expect((await conn).isRelay).toBe(false);
  });
});

describe("an attempt ends", () => {
  it("after its time-out, and by the program's signal", async () => {
    const late = new RdvClient({ timeoutMs: 50 }).dial(url(), "x");
    await expect(late).rejects.toMatchObject({ code: "rdv-timeout" });
    const gaveUp = await server.next();
    sockets.push(gaveUp);
    await gaveUp.rest();
    const controller = new AbortController();
    const conn = new RdvClient().accept(url(), "x", { signal: controller.signal });
    const relay = await server.next();
    sockets.push(relay);
    controller.abort(new Error("enough"));
    await expect(conn).rejects.toThrow("enough");
    await relay.rest();
  });

  it("when nobody is at the server's address", async () => {
    const closed = url();
    server.close();
    await expect(new RdvClient().dial(closed, "x")).rejects.toMatchObject({ code: "rdv-unreachable" });
  });

  it.each([
    ["ftp://127.0.0.1/", "x", {}],
    ["nowhere", "x", {}],
    ["http://127.0.0.1/", "", {}],
    ["http://127.0.0.1/", "x".repeat(5_000), {}],
    ["http://127.0.0.1/", "x", { Upgrade: "x" }],
    ["http://127.0.0.1/", "x", { "rdv-self-addrs": "x" }],
    ["http://127.0.0.1/", "x", { "X-A": "a\r\nb" }],
  ])("at once for wrong arguments: %s %s %j", async (address, token, headers) => {
    await expect(new RdvClient().dial(address, token, { headers })).rejects.toMatchObject({ code: "rdv-invalid" });
  });
});
