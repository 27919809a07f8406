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
    "/v1/snapshot",
    "/v1/recording",
    "/v1/recording?seconds=60",
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

  it("tells events from where the reader was, and whose number is none that it takes no such thing", async () => {
    const { sequence } = (await (await get("/v1/snapshot")).json()) as { readonly sequence: number };
    const closing = new AbortController();
    const headers = { "last-event-id": String(sequence) };
    const response = await get("/v1/events?figures=false", { headers, signal: closing.signal });
    expect(response.headers.get("content-type")).toBe("text/event-stream");
    const { value } = await response.body!.getReader().read();
    expect(new TextDecoder().decode(value)).toMatch(/^retry: 2000\n\n/);
    closing.abort();
    const wrong = await get("/v1/events", { headers: { "last-event-id": "x1" } });
    expect([wrong.status, await wrong.json()]).toMatchObject([400, { code: "control-malformed" }]);
  });

  it("has places for sixteen readers of a member, and takes the next when one has gone", async () => {
    const closings = Array.from({ length: 16 }, () => new AbortController());
    const open = await Promise.all(closings.map(({ signal }) => get("/v1/events?figures=false", { signal })));
    expect(open.every(({ status }) => status === 200)).toBe(true);
    const refused = await get("/v1/events");
    expect([refused.status, await refused.json()]).toMatchObject([503, { code: "control-busy" }]);
    closings[0]!.abort();
    await expect
      .poll(async () => {
        const closing = new AbortController();
        const { status } = await get("/v1/events?figures=false", { signal: closing.signal });
        closing.abort();
        return status;
      })
      .toBe(200);
    for (const closing of closings) closing.abort();
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
