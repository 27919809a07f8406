/** Callers that hold a connection and never finish: gone in time, each kind on each port, and never in the way of others. */
import { once } from "node:events";
import { get as getPlain } from "node:http";
import { get } from "node:https";
import { connect as connectTcp, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { connectionsWithin, gateOf, SERVICE_LIMITS } from "../../ca/gate/service-limits.js";
import { WorkUnderWay } from "../../ca/gate/work.js";
import { type AuthorityServer, serveAuthority } from "../../ca/index.js";
import { privateKeyToPem } from "../../identity/index.js";
import { AuthorityFixture } from "./authority-fixture.js";
import { chainOf } from "./https.js";

const WAITS = { ...SERVICE_LIMITS.waits, requestMs: 1_000, graceMs: 500, checkMs: 100 };
const HEAD = "GET /v1/network HTTP/1.1\r\nhost: x\r\n";
const POST = "POST /v1/enroll HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n";

let fixture: AuthorityFixture;
let server: AuthorityServer;
let sockets: Socket[];
beforeEach(async () => {
  fixture = await AuthorityFixture.start();
  sockets = [];
});
afterEach(async () => {
  for (const socket of sockets) socket.destroy();
  await server.close();
  await fixture[Symbol.asyncDispose]();
});

async function serve(connectionsMax: number, limits: Parameters<typeof serveAuthority>[1] = {}): Promise<void> {
  const gate = { ...gateOf(connectionsMax), youngMs: 0, handshakes: { burst: 1e6, perSecond: 1e6, callersMax: 10 } };
  server = await serveAuthority(fixture.authority, {
    ...{ port: 0, admin: { port: 0 }, ...limits },
    ...{ limits: { gate, waits: WAITS, ...limits.limits } },
  });
}

type Port = "port" | "adminPort";

/** A connection that never reads and never closes; `from` is one of the addresses that a machine has for itself. */
async function held(port: Port, secure: boolean, text = "", from = "127.0.0.1"): Promise<Socket> {
  const at = { host: "127.0.0.1", port: server[port]!, localAddress: from, allowHalfOpen: true };
  const socket = secure ? connectTls({ ...at, rejectUnauthorized: false }) : connectTcp(at);
  sockets.push(socket);
  socket.on("error", () => {});
  await first(socket, secure ? "secureConnect" : "connect", "close");
  socket.pause();
  if (!socket.destroyed) socket.write(text);
  return socket;
}

/** The first of these events; an error is none, since "close" follows. */
function first(socket: Socket, ...names: readonly string[]): Promise<void> {
  return new Promise((resolve) => {
    for (const name of names) socket.once(name, () => resolve());
  });
}

/** The other end has closed it. */
function gone(socket: Socket): Promise<void> {
  socket.resume();
  return first(socket, "end", "close");
}

function healthOf(port: Port, from = "127.0.0.1", path = "/healthz"): Promise<number | undefined> {
  const options = { host: "127.0.0.1", port: server[port]!, localAddress: from, path, agent: false };
  const ask = port === "port" ? get : getPlain;
  return new Promise((resolve) => {
    ask({ ...options, rejectUnauthorized: false }, (response) => {
      response.resume();
      resolve(response.statusCode);
    }).on("error", () => resolve(undefined));
  });
}

async function figure(name: string): Promise<number> {
  const found = (await server.metrics()).split("\n").find((line) => line.startsWith(name));
  return Number(found?.split(" ").at(-1) ?? 0);
}

const closedBy = (reason: string) => figure(`fireflies_ca_closed_connections_total{reason="${reason}"}`);

/**
 * Ten times what it takes: one that has asked may stay for two waits and graces, since its next request may begin at the last
 * moment. A member's connection would stay for 80 s.
 */
const EMPTIED_MS = 20 * (WAITS.requestMs + WAITS.graceMs);

/** Ends when nobody is connected any more. */
async function emptied(): Promise<void> {
  await vi.waitFor(async () => expect(await figure("fireflies_ca_connections ")).toBe(0), { timeout: EMPTIED_MS });
}

describe("who does not finish", { timeout: 60_000 }, () => {
  const kinds: readonly [string, boolean, string][] = [
    ["begins no handshake", false, ""],
    ["begins half of one", false, "\x16\x03\x01\x02\x00\x01"],
    ["speaks HTTP where TLS is due", false, `${HEAD}\r\n`],
    ["asks nothing", true, ""],
    ["ends within a header", true, `${HEAD}x`],
    ["ends within a line", true, "GET /v1/net"],
    ["ends within a body", true, `${POST}content-length: 1000\r\n\r\n{`],
    ["never ends a body in chunks", true, `${POST}transfer-encoding: chunked\r\n\r\n1\r\n{\r\n`],
    ["is answered before its body ends", true, `${POST.replace("enroll", "none")}content-length: 1000\r\n\r\n{`],
    ["sends what is no HTTP", true, "\0\0\0\r\n\r\n"],
    ["asks once and is silent after it", true, `${HEAD}\r\n`],
    ["asks once and half a time", true, `${HEAD}\r\n${HEAD}`],
    ["asks to be closed", true, `${HEAD}connection: close\r\n\r\n`],
    ["asks for another protocol", true, `${HEAD}connection: upgrade\r\nupgrade: websocket\r\n\r\n`],
    ["asks for a tunnel", true, "CONNECT a:1 HTTP/1.1\r\nhost: a:1\r\n\r\n"],
    ["asks many times and reads nothing", true, `${HEAD}\r\n`.repeat(200)],
    ["asks for much and reads nothing", true, "GET /openapi.json HTTP/1.1\r\nhost: x\r\n\r\n".repeat(200)],
  ];

  it(`is gone after the wait and its grace: ${kinds.map(([kind]) => `who ${kind}`).join(", ")}`, async () => {
    await serve(64);
    await Promise.all(kinds.map(([, secure, text], index) => held("port", secure, text, `127.0.0.${index + 2}`)));
    expect(sockets.length).toBe(kinds.length);
    await emptied();
  });

  const probing: readonly string[] = [
    "",
    "GET /healthz HTTP/1.1\r\nhost: x\r\nx",
    "POST /healthz HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\n{",
    "GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n".repeat(200),
  ];

  it("is gone from the port for probes as well: without a byte, within a header, within a body, or reading nothing", async () => {
    await serve(64);
    await Promise.all(probing.map((text) => held("adminPort", false, text)));
    await Promise.all(sockets.map(gone));
    expect(await healthOf("adminPort")).toBe(200);
  });

  it("and drips on is gone all the same", async () => {
    await serve(64);
    const dripping = [await held("port", true, HEAD), await held("port", true, `${POST}content-length: 1000\r\n\r\n{`)];
    const drip = setInterval(() => {
      for (const socket of dripping) if (socket.writable) socket.write("x");
    }, 50);
    await emptied().finally(() => clearInterval(drip));
    expect(await healthOf("port")).toBe(200);
  });

  it("is told that it is late before it is cut off", async () => {
    await serve(64);
    const socket = await held("port", true, `${HEAD}x`);
    let text = "";
    socket.setEncoding("utf8").on("data", (chunk: string) => {
      text += chunk;
    });
    await gone(socket);
    expect(text).toMatch(/^HTTP\/1\.1 408 /);
    expect(text).toContain('"code":"request-timeout"');
  });

  it("and works on nothing does not outstay a member, whose connection is kept for its next question", async () => {
    await serve(64);
    const { identity } = await fixture.join("alice");
    const own = { key: privateKeyToPem(identity.privateKey), cert: chainOf(identity) };
    const at = { host: "127.0.0.1", port: server.port, rejectUnauthorized: false };
    const member = connectTls({ ...at, ...own });
    sockets.push(member);
    const report = '{"addresses":["a:1"]}';
    const path = "POST /v1/report HTTP/1.1\r\nhost: x\r\ncontent-type: application/json";
    const ask = () => member.write(`${path}\r\ncontent-length: ${report.length}\r\n\r\n${report}`);
    ask();
    await once(member, "data");
    const stranger = await held("port", true, `${HEAD}\r\n`);
    await gone(stranger); // The stranger came later, and is gone.
    ask();
    expect(String((await once(member, "data"))[0])).toMatch(/^HTTP\/1\.1 200 /);
  });
});

describe("slots", { timeout: 60_000 }, () => {
  const ADDRESSES = ["127.0.0.2", "127.0.0.3", "127.0.0.4"];

  it.each<[Port, boolean, string]>([
    ["port", true, `${HEAD}x`],
    ["port", false, ""],
    ["adminPort", false, `${HEAD}x`],
  ])("three silent addresses never fill all of them (%s, TLS: %s)", async (port, secure, text) => {
    await serve(64, { limits: { waits: { ...WAITS, requestMs: 60_000 } } });
    for (const from of ADDRESSES) for (let i = 0; i < 30; i++) await held(port, secure, text, from);
    expect(await healthOf(port)).toBe(200);
    // The port for probes spares connections of less than a second, and refuses others of their address.
    expect((await closedBy("connections")) + (await closedBy("displaced"))).toBe(3 * 30 - 48);
  });

  it("an address that has all of its own loses the oldest to its newest, not to others", async () => {
    await serve(64, { limits: { waits: { ...WAITS, requestMs: 60_000 } } });
    const oldest = await held("port", true, HEAD, "127.0.0.2");
    for (let i = 0; i < 15; i++) await held("port", true, HEAD, "127.0.0.2");
    const closed = gone(oldest);
    expect(await healthOf("port", "127.0.0.2")).toBe(200);
    await closed;
    expect(await closedBy("displaced")).toBe(1);
  });

  it("however many addresses hold all of them, a newcomer gets one, from who has most", async () => {
    await serve(8, { limits: { waits: { ...WAITS, requestMs: 60_000 } } });
    for (let i = 2; i < 10; i++) await held("port", true, HEAD, `127.0.0.${Math.min(i, 8)}`);
    expect(await figure("fireflies_ca_connections ")).toBe(8);
    const [greedy, modest] = [sockets[6]!, sockets[0]!]; // 127.0.0.8 has two.
    const closed = gone(greedy);
    expect(await healthOf("port")).toBe(200);
    await closed;
    expect(modest.destroyed).toBe(false);
  });

  it("for work are shared as well: three addresses leave room for a fourth", () => {
    const work = new WorkUnderWay(SERVICE_LIMITS.work);
    const requests = Array.from({ length: 300 }, (_, index) => ({ owner: `10.0.0.${index % 3}` }));
    let refused = 0;
    for (const request of requests) {
      try {
        work.begin(request, request.owner);
      } catch (error) {
        expect(error).toMatchObject({ code: "overloaded" });
        refused++;
      }
    }
    expect(refused).toBe(300 - 3 * 64);
    work.requireRoom("10.0.0.4");
    for (const request of requests) for (let i = 0; i < 2; i++) work.end(request);
    for (let i = 0; i < 64; i++) work.begin({}, "10.0.0.0");
    expect(() => work.requireRoom("10.0.0.0")).toThrow();
  });

  it("are taken by each connection, also by those that come from one port to two addresses of this machine", async () => {
    await serve(64, { host: "0.0.0.0" });
    const first = await held("port", true);
    const from = { localAddress: "127.0.0.1", localPort: first.localPort! };
    const at = { host: "127.0.0.2", port: server.port, ...from, rejectUnauthorized: false };
    const second = connectTls(at);
    sockets.push(second);
    await once(second, "secureConnect");
    expect(await figure("fireflies_ca_connections ")).toBe(2);
    for (const socket of sockets) {
      socket.write(`${HEAD}\r\n`);
      socket.resume();
      expect(String((await once(socket, "data"))[0])).toMatch(/^HTTP\/1\.1 200 /);
    }
  });

  it("are at most half of what the system lets this process open", () => {
    expect([connectionsWithin(1e6), connectionsWithin(1_024), connectionsWithin(1)]).toEqual([2_048, 512, 4]);
    const { addressMax, connectionsMax } = gateOf(2_048);
    expect(3 * addressMax).toBeLessThan(connectionsMax);
  });
});
