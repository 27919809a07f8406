/** The authority as a service: health, metrics, limits on everything a caller can hold, a log without secrets, a stop in good order. */
import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import { request } from "node:https";
import { connect as connectTcp, type Socket } from "node:net";
import { connect, type TLSSocket } from "node:tls";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Refusals } from "../../ca/audit/refusals.js";
import { limitKeyOf } from "../../ca/gate/caller-address.js";
import { SERVICE_LIMITS } from "../../ca/gate/service-limits.js";
import { AUTHORITY_DEFINITIONS } from "../../ca/http/authority-definitions.js";
import { authorityReadiness } from "../../ca/http/readiness.js";
import { logRequest } from "../../ca/http/request-log.js";
import type { RequestRecord } from "../../ca/http/service-metrics.js";
import { type AuthorityServer, serveAuthority } from "../../ca/index.js";
import { report } from "../../client/authority/authority.js";
import { decodeToken, LOG_LEVELS, type Logger } from "../../identity/index.js";
import { complaints, HAS_PROMTOOL } from "../support/promtool.js";
import { AuthorityFixture, codeOf, NOW } from "./authority-fixture.js";

/** Waits for what never comes, short enough to be seen. */
const SHORT = { ...SERVICE_LIMITS.waits, requestMs: 1_000, checkMs: 100, stopMs: 500 };

let fixture: AuthorityFixture;
let server: AuthorityServer | undefined;
const told: RequestRecord[] = [];
beforeEach(async () => {
  fixture = await AuthorityFixture.start();
  told.length = 0;
});
afterEach(async () => {
  await server?.close();
  server = undefined;
  await fixture[Symbol.asyncDispose]();
});

/** A second server of the same authority, with options of its own. */
async function serve(options: Parameters<typeof serveAuthority>[1] = {}): Promise<AuthorityServer> {
  server = await serveAuthority(fixture.authority, { port: 0, onRequest: (record) => told.push(record), ...options });
  return server;
}

interface Answer {
  readonly status: number;
  readonly text: string;
  readonly headers: IncomingMessage["headers"];
}

function get(port: number, path: string, headers: Record<string, string> = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const options = { host: "127.0.0.1", port, path, headers, rejectUnauthorized: false, agent: false };
    request(options, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (chunk: string) => {
        text += chunk;
      });
      response.on("end", () => resolve({ status: response.statusCode ?? 0, text, headers: response.headers }));
    })
      .on("error", reject)
      .end();
  });
}

async function tls(port: number): Promise<TLSSocket> {
  const socket = connect({ host: "127.0.0.1", port, rejectUnauthorized: false });
  socket.on("error", () => {});
  await once(socket, "secureConnect");
  return socket;
}

async function everything(socket: Socket): Promise<string> {
  const chunks: Buffer[] = [];
  socket.on("data", (chunk: Buffer) => chunks.push(chunk));
  await event(socket, "close");
  return Buffer.concat(chunks).toString();
}

/** Also of a socket that ends with an error, as one does whose other end hears no more: `once` would reject. */
function event(socket: Socket, name: "close" | "drain"): Promise<void> {
  return new Promise((resolve) => socket.once(name, resolve));
}

describe("health", () => {
  it("says that the process answers, and whether it could issue now", async () => {
    const { port } = await serve();
    expect(await get(port, "/healthz")).toMatchObject({ status: 200, text: '{"ok":true,"reasons":[]}' });
    expect((await get(port, "/readyz")).status).toBe(200);
    fixture.clock.now = NOW + 11 * 366 * 86_400_000; // The issuing certificate has ended.
    const ended = await get(port, "/readyz");
    expect([ended.status, JSON.parse(ended.text).ok]).toEqual([503, false]);
    expect((await get(port, "/healthz")).status).toBe(200);
    fixture.clock.now = NOW;
    await fixture.authority.close(); // The store is gone.
    const { status, text, headers } = await get(port, "/readyz");
    const { ok, reasons, code, message } = JSON.parse(text);
    expect([status, ok, code, headers["retry-after"]]).toEqual([503, false, "authority-failed", "1"]);
    expect(reasons).toEqual([message]); // Everybody may ask: what exactly is wrong is for the operator's own port.
  });

  it("and figures are on an address of their own, over plain HTTP", async () => {
    const { adminPort, port } = await serve({ admin: { port: 0 } });
    const base = `http://127.0.0.1:${adminPort}`;
    expect((await fetch(`${base}/healthz`)).status).toBe(200);
    expect(await (await fetch(`${base}/readyz`)).json()).toEqual({ ok: true, reasons: [] });
    fixture.clock.now = NOW + 11 * 366 * 86_400_000;
    const unready = await fetch(`${base}/readyz`);
    expect([unready.status, ((await unready.json()) as { reasons: string[] }).reasons]).toEqual([
      503,
      [expect.stringContaining("The issuing certificate is")],
    ]);
    fixture.clock.now = NOW;
    const page = await fetch(`${base}/metrics`);
    expect(page.headers.get("content-type")).toMatch(/^text\/plain; version=0\.0\.4/);
    expect(await page.text()).toContain("fireflies_ca_store_up 1");
    expect((await get(port, "/metrics")).status).toBe(404);
  });

  it("a port that is taken is said so, and nothing is left listening", async () => {
    const first = await serve({ admin: { port: 0 } });
    const admin = { port: first.adminPort! };
    expect(await codeOf(serveAuthority(fixture.authority, { port: 0, admin }))).toBe("address-in-use");
  });
});

describe("metrics", () => {
  it("count what was decided and answered, and are lines that Prometheus reads", async () => {
    await serve();
    await fixture.join("alice");
    await get(server!.port, "/nothing");
    const page = await server!.metrics();
    expect(page).toContain('fireflies_ca_decisions_total{kind="issued",reason="token"} 1');
    expect(page).toContain('fireflies_ca_requests_total{method="GET",route="none",status="404"} 1');
    expect(page).toMatch(/^process_cpu_seconds_total \d/m);
    expect(page).toMatch(/^fireflies_ca_principals 1$/m);
    expect(page).toMatch(/^fireflies_ca_valid_certificates 1$/m);
    if (HAS_PROMTOOL) expect(complaints(page)).toBe("");
    const names = page.match(/^# TYPE (\S+)/gm)!;
    expect(new Set(names).size).toBe(names.length);
  });

  it("are OpenMetrics for a collector that prefers that", async () => {
    const { adminPort } = await serve({ admin: { port: 0 } });
    const headers = { accept: "application/openmetrics-text; version=1.0.0" };
    const page = await fetch(`http://127.0.0.1:${adminPort}/metrics`, { headers });
    expect(page.headers.get("content-type")).toMatch(/^application\/openmetrics-text/);
    expect(await page.text()).toMatch(/# EOF\n$/);
  });

  it.each(AUTHORITY_DEFINITIONS.map(({ name, ...rest }) => [name, rest] as const))(
    "%s has a name by the rules",
    (name, { kind, help }) => {
      expect(name).toMatch(/^(fireflies_ca|process)(_[a-z]+)+$/);
      expect(name.endsWith("_total")).toBe(kind === "counter");
      expect(help).toMatch(/^[0-9A-Z].*\.$/);
    },
  );

  it("warn before certificates end, and say why nothing can be issued", () => {
    const day = 86_400_000;
    const facts = { problem: undefined, issuerEnds: 31 * day, rootEnds: 181 * day };
    expect(authorityReadiness(facts, 0)).toEqual({ ok: true, reasons: [] });
    expect(authorityReadiness({ ...facts, issuerEnds: 29 * day }, 0).reasons).toEqual([
      expect.stringContaining("issuing certificate ends within 30 days"),
    ]);
    expect(authorityReadiness({ ...facts, rootEnds: 179 * day }, 0)).toMatchObject({
      ok: true,
      reasons: [expect.stringContaining("root")],
    });
    expect(authorityReadiness({ ...facts, problem: "No store." }, 0)).toEqual({ ok: false, reasons: ["No store."] });
  });
});

describe("limits", () => {
  const few = { burst: 3, perSecond: 0.001, callersMax: 10 };

  it("per address: who asks too often gets 429 and when to come back", async () => {
    const { port } = await serve({ limits: { address: few } });
    const statuses = [];
    for (let i = 0; i < 5; i++) statuses.push((await get(port, "/v1/network")).status);
    expect(statuses).toEqual([200, 200, 200, 429, 429]);
    expect(Number((await get(port, "/v1/network")).headers["retry-after"])).toBeGreaterThan(0);
  });

  it("per member, over all of its connections", async () => {
    const { identity } = await fixture.join("alice");
    const { urls } = await serve({ limits: { member: few } });
    const codes = [];
    for (let i = 0; i < 5; i++) codes.push(await codeOf(report(urls, identity, fixture.call("a:1"))));
    expect(codes).toEqual(["none", "none", "none", "too-many-requests", "too-many-requests"]);
  });

  it("work under way: what is beyond gets 503 at once, and everybody gets an answer", { timeout: 60_000 }, async () => {
    const { port } = await serve({ limits: { work: { max: 1, perAddressMax: 1 } } });
    const answers = await Promise.all(Array.from({ length: 60 }, () => get(port, "/readyz")));
    const statuses = answers.map(({ status }) => status);
    expect(statuses.filter((status) => status !== 200 && status !== 503)).toEqual([]);
    expect(statuses).toContain(200);
    const busy = answers.filter(({ status }) => status === 503);
    for (const { text, headers } of busy) {
      expect([JSON.parse(text).code, headers["retry-after"]]).toEqual(["overloaded", "1"]);
    }
    expect((await get(port, "/readyz")).status).toBe(200);
  });

  it.each([
    ["10.1.2.3", "10.1.2.3"],
    ["::ffff:10.1.2.3", "10.1.2.3"],
    ["::ffff:7f00:1", "127.0.0.1"],
    ["0:0::0:0:FFFF:0a01:203", "10.1.2.3"],
    ["::ffff:0:10.1.2.3", "0:0:0:0::/64"],
    ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"],
    ["2001:DB8:1:0002::1", "2001:db8:1:2::/64"],
    ["fe80::1%eth0", "fe80:0:0:0::/64"],
    ["::1", "0:0:0:0::/64"],
    ["2001:db8::", "2001:db8:0:0::/64"],
  ])("count %s as %s", (address, key) => {
    expect(limitKeyOf(address)).toBe(key);
  });

  it("handshakes per address: too many are closed before they cost anything, and counted", async () => {
    const { port } = await serve({ limits: { gate: { ...SERVICE_LIMITS.gate, handshakes: few } } });
    const sockets = [await tls(port), await tls(port), await tls(port)];
    const refused = connectTcp({ host: "127.0.0.1", port });
    await once(refused, "close");
    expect(await server!.metrics()).toContain('fireflies_ca_closed_connections_total{reason="rate"} 1');
    for (const socket of sockets) socket.destroy();
  });
});

it("says how long a connection may be without a request, so that clients do not ask on one that ends", async () => {
  const { port } = await serve();
  expect((await get(port, "/healthz")).headers.connection).toBe("close"); // This client wants no other.
  const socket = await tls(port);
  socket.write("GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n");
  const [data] = (await once(socket, "data")) as [Buffer];
  expect(data.toString()).toMatch(/\r\nkeep-alive: timeout=10\r\n/i);
  socket.destroy();
});

describe("what comes slowly or without end", { timeout: 60_000 }, () => {
  it("a header bomb is answered with 413", async () => {
    const { port } = await serve();
    const { status, text } = await get(port, "/healthz", { bomb: "x".repeat(10_000) });
    expect([status, JSON.parse(text).code]).toEqual([413, "body-too-large"]);
    const many = Object.fromEntries(Array.from({ length: 1_500 }, (_, i) => [`h${i}`, "y"]));
    const manyAnswer = await get(port, "/healthz", many);
    // Node 20 drops what is beyond its count, the Host header too; later ones count all of them as bytes.
    const refusals = ["400 body-malformed", "413 body-too-large"];
    expect(refusals).toContain(`${manyAnswer.status} ${JSON.parse(manyAnswer.text).code}`);
  });

  it("300 MiB are refused after 16 kB: the length alone is enough, and so is a stream", async () => {
    const { port } = await serve();
    const head = `POST /v1/enroll HTTP/1.1\r\nhost: a\r\ncontent-type: application/json`;
    const announced = await tls(port);
    const answer = everything(announced);
    announced.write(`${head}\r\ncontent-length: ${300 * 1024 * 1024}\r\nconnection: close\r\n\r\n`);
    announced.write(Buffer.alloc(1024, 0x20));
    expect(await answer).toMatch(/^HTTP\/1\.1 413 /);
    const streamed = await tls(port);
    const chunks = everything(streamed);
    streamed.write(`${head}\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n`);
    const chunk = Buffer.concat([Buffer.from("4000\r\n"), Buffer.alloc(0x4000, 0x20), Buffer.from("\r\n")]);
    let sent = 0;
    while (!streamed.destroyed && sent < 300 * 64) {
      sent += 1;
      if (!streamed.write(chunk)) await Promise.race([event(streamed, "drain"), event(streamed, "close")]);
    }
    expect(await chunks).toMatch(/^HTTP\/1\.1 413 /);
    expect(sent, "chunks of 16 KiB before the connection ended").toBeLessThan(2_000);
  });

  it("a body or a head of a byte now and then is answered with 408 after the wait for requests", async () => {
    const { port } = await serve({ limits: { waits: SHORT } });
    const started = performance.now();
    const [body, head] = [await tls(port), await tls(port)];
    const answers = Promise.all([everything(body), everything(head)]);
    body.write(
      "POST /v1/enroll HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\n{",
    );
    head.write("POST /v1/enroll HTTP/1.1\r\n");
    const drip = setInterval(() => {
      for (const socket of [body, head]) if (socket.writable) socket.write("x");
    }, SHORT.requestMs / 10);
    const texts = await answers.finally(() => clearInterval(drip));
    for (const text of texts) {
      expect(text).toMatch(/^HTTP\/1\.1 408 /);
      expect(text).toMatch(/"code":"request-timeout"/);
    }
    expect(performance.now() - started).toBeGreaterThan(SHORT.requestMs * 0.9);
  });

  it("the wait for requests is 10 s, and who is late is gone a second after it, the time between two looks included", () => {
    expect(SERVICE_LIMITS.waits).toMatchObject({ requestMs: 10_000, graceMs: 1_000, checkMs: 250, stopMs: 5_000 });
  });
});

describe("what is told of requests", () => {
  it("route, status, address and caller; no token, no key, no path of the caller's choosing", async () => {
    const { identity, token } = await fixture.join("alice");
    const { urls, port } = await serve();
    await report(urls, identity, fixture.call("a:1"));
    const { secret } = decodeToken(token)!;
    await get(port, `/v1/${Buffer.from(secret).toString("base64url")}`, { authorization: "Bearer secret" });
    const text = JSON.stringify(told);
    expect(told.map(({ route, status }) => [route, status])).toEqual([
      ["/v1/report", 200],
      ["none", 404],
    ]);
    expect(told[0]).toMatchObject({
      caller: identity.certificate.id,
      name: "alice",
      address: "127.0.0.1",
      method: "POST",
    });
    expect(text).not.toContain(Buffer.from(secret).toString("base64url"));
    expect(text).not.toContain("Bearer");
  });

  it.each([
    ["/v1/report", 200, "debug"],
    ["/v1/challenge", 200, "debug"],
    ["/v1/report", 401, "info"],
    ["/v1/report", 503, "error"],
    ["/v1/enroll", 200, "info"],
    ["none", 404, "info"],
  ])("%s with %i is logged as %s: reports that go well hide nothing", (route, status, level) => {
    const levels: string[] = [];
    const logger = Object.fromEntries(LOG_LEVELS.map((one) => [one, () => levels.push(one)])) as unknown as Logger;
    const caller = { address: "10.0.0.1", caller: undefined, name: undefined, code: undefined };
    logRequest(logger, { method: "POST", route, status, milliseconds: 1, ...caller });
    expect(levels).toEqual([level]);
  });

  it("refusals become notes of the audit, sixty a minute, the rest as numbers", () => {
    const refusals = new Refusals();
    const refusal = { code: "token-invalid", route: "/v1/enroll", address: "10.0.0.1", caller: undefined };
    for (let i = 0; i < 1_000; i++) refusals.add({ ...refusal, at: NOW + i });
    const notes = refusals.take(NOW + 1_000);
    expect(notes.length).toBe(60);
    expect(notes[0]).toEqual({
      kind: "refused",
      at: NOW,
      fields: { code: "token-invalid", route: "/v1/enroll", address: "10.0.0.1" },
    });
    // However often it is asked in that minute: who floods with every kind of refusal must not fill the disk by their sums.
    for (let i = 0; i < 9; i++) refusals.add({ ...refusal, code: `c${i % 3}`, at: NOW + 2_000 + i });
    expect(refusals.take(NOW + 4_000)).toEqual([]);
    const sums = refusals.take(NOW + 60_000);
    expect(sums[0]).toEqual({ kind: "refused", at: NOW + 60_000, fields: { code: "token-invalid", count: 940 } });
    expect(sums.map(({ fields }) => fields.count)).toEqual([940, 3, 3, 3]);
    refusals.add({ ...refusal, at: NOW + 60_000 });
    expect(refusals.take(NOW + 60_000).length).toBe(1);
    expect(refusals.take(NOW + 60_000)).toEqual([]);
    for (let i = 0; i < 61; i++) refusals.add({ ...refusal, at: NOW + 60_001 });
    expect(refusals.take(NOW + 60_002, true).at(-1)?.fields).toEqual({ code: "token-invalid", count: 2 });
  });
});

describe("a stop", () => {
  it("lets the request under way finish, and does not wait for who says nothing", async () => {
    const { port } = await serve();
    const silent = connectTcp({ host: "127.0.0.1", port }); // Never begins its handshake.
    await once(silent, "connect");
    const idle = await tls(port);
    const busy = await tls(port);
    const answer = everything(busy);
    busy.write("POST /v1/enroll HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{");
    await get(port, "/healthz"); // The half request has arrived before this one.
    const started = performance.now();
    const closing = server!.close();
    server = undefined;
    busy.write("}");
    expect(await answer).toMatch(/^HTTP\/1\.1 400 /);
    await closing;
    expect(performance.now() - started).toBeLessThan(4_000);
    for (const socket of [silent, idle]) socket.destroy();
  });

  it("ends a request that never finishes after its grace", async () => {
    const { port } = await serve({ limits: { waits: { ...SERVICE_LIMITS.waits, stopMs: SHORT.stopMs } } });
    const stuck = await tls(port);
    stuck.write("POST /v1/enroll HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{");
    await get(port, "/healthz");
    const started = performance.now();
    await server!.close();
    server = undefined;
    const took = performance.now() - started;
    expect(took).toBeGreaterThan(SHORT.stopMs * 0.9);
    // Long before the request's own deadline.
    expect(took).toBeLessThan(SERVICE_LIMITS.waits.requestMs - 1_000);
    stuck.destroy();
  });
});
