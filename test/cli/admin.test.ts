/** The port that shows an agent: what it answers, to whom, and that nothing can be changed there. */
import { mkdtempSync, rmSync } from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type OpenDoor, openAdmin } from "../../cli/api/server/doors.js";
import type { ApiServer } from "../../cli/api/server/server.js";
import { FakeAgentClient } from "../support/fake-agent-client.js";
import { complaints, HAS_PROMTOOL } from "../support/promtool.js";
import { serveFake } from "../support/serve-fake.js";

const API = { listen: undefined, tokenFile: undefined, allow: [], names: ["ops.example"] };

let dir: string;
let client: FakeAgentClient;
let server: ApiServer;
let admin: OpenDoor;

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), "ff-admin-"));
  client = new FakeAgentClient();
  const agent = { version: "1.2.3", dir, startedAt: 0, alarms: () => [] };
  server = await serveFake(dir, { client, agent, leave: async () => {} });
  admin = await openAdmin(server, { host: "127.0.0.1", port: 0 }, { config: API, client, dir });
});
afterEach(async () => {
  admin.close();
  await server.close();
  rmSync(dir, { recursive: true, force: true });
});

const get = (path: string, init?: RequestInit) => fetch(`${admin.url}${path}`, init);

describe("the admin port", () => {
  it("shows metrics of the member and its process", async () => {
    const response = await get("/metrics");
    const page = await response.text();
    expect(response.status).toBe(200);
    expect(response.headers.get("content-type")).toBe("text/plain; version=0.0.4; charset=utf-8");
    expect(page).toMatch(/^fireflies_members 3$/m);
    expect(page).toMatch(/^process_cpu_seconds_total [\d.]+$/m);
    if (HAS_PROMTOOL) expect(complaints(page)).toBe("");
    const open = await get("/metrics", { headers: { accept: "application/openmetrics-text; version=1.0.0" } });
    expect(await open.text()).toMatch(/# EOF\n$/);
  });

  it("says that the process lives, and whether the member may be given work", async () => {
    expect(await (await get("/healthz")).json()).toEqual({ ok: true, reasons: [] });
    client.certificateEnds = Date.now() + 2 * 3_600_000;
    const well = await get("/readyz");
    expect([well.status, await well.json()]).toEqual([200, { ok: true, reasons: [] }]);
    client.isolated = { reason: "removed", since: 0, until: undefined };
    const lost = await get("/readyz");
    expect(lost.status).toBe(503);
    expect(await lost.json()).toEqual({ ok: false, reasons: ["The others do not have it among them: removed."] });
  });

  it.each([
    "/v1/status",
    "/v1/info",
    "/v1/members?paths=true",
    "/v1/rings",
    "/v1/graph",
    "/v1/topics",
    "/openapi.json",
  ])("shows %s", async (path) => {
    expect((await get(path)).status).toBe(200);
  });

  it.each([
    ["POST", "/v1/messages"],
    ["PUT", "/v1/gossip"],
    ["DELETE", "/v1/services/x"],
    ["POST", "/v1/leave"],
    ["OPTIONS", "/v1/status"],
  ])("changes nothing: %s %s", async (method, path) => {
    const body = method === "OPTIONS" ? {} : { body: "{}" };
    const response = await get(path, { method, ...body, headers: { "content-type": "application/json" } });
    expect(response.status).toBe(403);
    expect(await response.json()).toMatchObject({ code: "agent-forbidden", message: expect.stringContaining("shows") });
    expect(client.gossip).toBeUndefined();
  });

  it("opens no stream", async () => {
    const headers = { connection: "Upgrade", upgrade: "fireflies-frames/1" };
    const asked = request(`${admin.url}/v1/streams/bob`, { headers });
    const status = await new Promise((resolve, reject) => {
      asked.once("response", ({ statusCode }) => resolve(statusCode));
      asked.once("upgrade", () => resolve(101));
      asked.once("error", reject);
      asked.end();
    });
    expect(status).toBe(403);
    expect(client.streams).toEqual([]);
  });

  it.each([{ origin: "http://evil.example" }, { host: "evil.example" }])(
    "is for no page of another site: %j",
    async (headers) => {
      const asked = request(`${admin.url}/metrics`, { headers });
      const status = await new Promise((resolve, reject) => {
        asked.once("response", ({ statusCode }) => resolve(statusCode));
        asked.once("error", reject);
        asked.end();
      });
      expect(status).toBe(403);
    },
  );

  it("is not opened to all elsewhere than on loopback", async () => {
    const opened = openAdmin(server, { host: "0.0.0.0", port: 0 }, { config: API, client, dir });
    await expect(opened).rejects.toMatchObject({
      code: "config-bad-value",
      advice: expect.stringContaining("api_allow"),
    });
  });

  it("says by which key its address was taken", async () => {
    const port = Number(new URL(admin.url).port);
    const opened = openAdmin(server, { host: "127.0.0.1", port }, { config: API, client, dir });
    await expect(opened).rejects.toMatchObject({ code: "address-in-use", message: expect.stringMatching(/^admin, /) });
  });
});
