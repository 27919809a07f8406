/** The page as the admin port serves it: to whom, with which headers, from the package's files. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { request } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fastify from "fastify";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { isPagePath } from "../../cli/api/server/browser.js";
import { type OpenDoor, openAdmin } from "../../cli/api/server/doors.js";
import { addPage } from "../../cli/api/server/page.js";
import type { ApiServer } from "../../cli/api/server/server.js";
import { saveIdentity } from "../../identity/index.js";
import { FakeAgentClient } from "../support/fake-agent-client.js";
import { serveFake } from "../support/serve-fake.js";
import { TestNetwork } from "../support/test-network.js";

const dir = mkdtempSync(join(tmpdir(), "ff-page-"));
const bundled = join(dir, "dashboard");
let server: ApiServer;
let admin: OpenDoor;
const app = fastify();
let page: string;

beforeAll(async () => {
  mkdirSync(bundled);
  addPage(app, bundled);
  writeFileSync(join(bundled, "index.html"), "<!doctype html><title>rings</title>");
  writeFileSync(join(bundled, "dashboard.js"), "export {};\n".repeat(1_000));
  writeFileSync(join(bundled, "notes.txt"), "not of the page");
  writeFileSync(join(dir, "secret.js"), "not of the page");
  const client = new FakeAgentClient();
  server = await serveFake(dir, {
    client,
    agent: { version: "1", dir, startedAt: 0, alarms: () => [] },
    leave: async () => {},
  });
  const config = { listen: undefined, tokenFile: undefined, allow: [], names: [] };
  admin = await openAdmin(server, { host: "127.0.0.1", port: 0 }, { config, client, dir });
  page = await app.listen({ host: "127.0.0.1", port: 0 });
});
afterAll(async () => {
  await app.close();
  admin.close();
  await server.close();
  rmSync(dir, { recursive: true, force: true });
});

/** Over a socket: what Node refuses is part of it. */
async function served(path: string, headers: Readonly<Record<string, string>> = {}) {
  const response = await fetch(`${page}${path}`, { headers: { "accept-encoding": "identity", ...headers } });
  return { status: response.status, headers: Object.fromEntries(response.headers), text: await response.text() };
}

describe("the page", () => {
  it("is answered once, and then only when it has changed", async () => {
    const first = await served("/");
    expect([first.status, first.headers["content-type"]]).toEqual([200, "text/html; charset=utf-8"]);
    expect(first.text).toContain("rings");
    const again = await served("/", { "if-none-match": String(first.headers.etag) });
    expect([again.status, again.text]).toEqual([304, ""]);
    expect((await served("/", { "if-none-match": '"another"' })).status).toBe(200);
  });

  it("is packed for who takes that", async () => {
    const packed = await served("/dashboard/dashboard.js", { "accept-encoding": "br, gzip" });
    expect(packed.headers).toMatchObject({ "content-encoding": "gzip", vary: "accept-encoding" });
    expect(Number(packed.headers["content-length"])).toBeLessThan(200);
    const plain = await served("/dashboard/dashboard.js");
    expect([plain.headers["content-encoding"], plain.headers["content-length"]]).toEqual([undefined, "11000"]);
    expect(plain.headers.etag).not.toBe(packed.headers.etag);
    expect(plain.text).toBe(packed.text);
  });

  it.each([
    "/dashboard/notes.txt",
    "/dashboard/secret.js",
    "/dashboard/..%2Fsecret.js",
    "/dashboard/%2e%2e/secret.js",
    "/dashboard/",
  ])("is its own files alone: %s", async (path) => {
    expect((await served(path)).status).toBeGreaterThanOrEqual(400);
  });

  it.each([
    ["/", true],
    ["/?x=1", true],
    ["/dashboard/dashboard.js", true],
    ["/dashboard/a/b", false],
    ["/dashboard/../v1/status", false],
    ["/v1/snapshot", false],
    ["//", false],
  ])("needs no token: %s, %s", (url, expected) => {
    expect(isPagePath(url)).toBe(expected);
  });
});

describe("every answer of the admin port", () => {
  it.each(["/", "/v1/snapshot", "/metrics", "/v1/nothing"])(
    "tells a browser what may be done with it: %s",
    async (path) => {
      const { headers } = await fetch(`${admin.url}${path}`);
      expect(headers.get("content-security-policy")).toMatch(/^default-src 'none'; .*frame-ancestors 'none'$/);
      expect(headers.get("content-security-policy")).not.toContain("unsafe");
      expect(headers.get("x-content-type-options")).toBe("nosniff");
      expect(headers.get("x-frame-options")).toBe("DENY");
      expect(headers.get("referrer-policy")).toBe("no-referrer");
      expect(headers.get("cross-origin-resource-policy")).toBe("same-origin");
      expect([...headers.keys()].filter((name) => name.startsWith("access-control"))).toEqual([]);
    },
  );

  it("says so of events and of refusals as well", async () => {
    const closing = new AbortController();
    const events = await fetch(`${admin.url}/v1/events`, { signal: closing.signal });
    expect(events.headers.get("content-security-policy")).toContain("default-src 'none'");
    closing.abort();
    const refused = await fetch(`${admin.url}/v1/events`, { method: "POST" });
    expect([refused.status, refused.headers.get("x-frame-options")]).toEqual([403, "DENY"]);
  });
});

describe("the admin port elsewhere than on loopback", () => {
  const token = "t".repeat(40);
  const origin = () => new URL(elsewhere.url).origin.replace("0.0.0.0", "127.0.0.1");
  let elsewhere: OpenDoor;

  /** Without a look at the certificate: what the port asks of callers is tried here. */
  const ask = (path: string, headers: Readonly<Record<string, string>> = {}) =>
    new Promise<number | undefined>((resolve, reject) => {
      const asked = request(`${origin()}${path}`, { headers, rejectUnauthorized: false, agent: false });
      asked.once("response", (response) => resolve(response.resume().statusCode)).once("error", reject);
      asked.end();
    });

  beforeAll(async () => {
    const network = await TestNetwork.create();
    await saveIdentity(join(dir, "member"), await network.member());
    const tokenFile = join(dir, "token");
    writeFileSync(tokenFile, token, { mode: 0o600 });
    const config = { listen: undefined, tokenFile, allow: [], names: ["ops.example"] };
    const options = { config, client: new FakeAgentClient(), dir: join(dir, "member") };
    elsewhere = await openAdmin(server, { host: "0.0.0.0", port: 0 }, options);
  });
  afterAll(() => elsewhere.close());

  it.each([
    ["the page, which holds nothing", "/", {}, [200, 404]],
    ["what it shows, to nobody", "/v1/snapshot", {}, [403]],
    ["events, to nobody", "/v1/events", {}, [403]],
    ["metrics, to nobody", "/metrics", {}, [403]],
    ["what it shows, to who has the token", "/v1/snapshot", { authorization: `Bearer ${token}` }, [200]],
    ["nothing to who has another one", "/v1/snapshot", { authorization: `Bearer ${"x".repeat(40)}` }, [403]],
    ["nothing under a name that leads here and is not its own", "/", { host: "evil.example" }, [403]],
    ["no token in the address", `/v1/snapshot?token=${token}`, {}, [403]],
  ])("speaks TLS, and answers %s", async (_, path, headers, statuses) => {
    expect(elsewhere.url).toMatch(/^https:/);
    expect(statuses).toContain(await ask(path, headers));
  });
});
