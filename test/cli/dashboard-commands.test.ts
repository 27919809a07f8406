/** `fireflies dashboard`, `record` and `replay`, and what serves a recording. Needs a build. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { ApiServer } from "../../cli/api/server/server.js";
import { openBrowser, openerOf } from "../../cli/browser/open.js";
import { recordedIn } from "../../cli/browser/recording-file.js";
import { type Served, servePage } from "../../cli/browser/replay.js";
import { pageUrl } from "../../cli/commands/members/dashboard.js";
import { claimControlPath } from "../../client/state/control-path.js";
import { FakeAgentClient } from "../support/fake-agent-client.js";
import { hostOf } from "../support/serve-fake.js";
import { typed } from "../support/typed.js";

const cwd = mkdtempSync(join(tmpdir(), "ff-dashboards-"));
const dir = join(cwd, "agent");
let admin: string | undefined = "http://127.0.0.1:9400";
let server: ApiServer;

beforeAll(async () => {
  mkdirSync(dir);
  await import("../../cli/api/server/app.js"); // What the first question loads, on a busy machine for longer than it waits.
  const client = new FakeAgentClient();
  const host = hostOf({ client, agent: { version: "1", dir, startedAt: 0, alarms: () => [] }, leave: async () => {} });
  server = await ApiServer.listen({ path: await claimControlPath(dir), host: { ...host, admin: () => admin } });
});
afterAll(async () => {
  await server.close();
  rmSync(cwd, { recursive: true, force: true });
});

const run = (...words: string[]) => typed(words, { cwd });

describe("fireflies dashboard", () => {
  it("says where the page is", async () => {
    const { code, stdout } = await run("dashboard", "--dir", dir, "--json");
    expect([code, JSON.parse(stdout)]).toEqual([0, { url: "http://127.0.0.1:9400/", opened: false }]);
    expect((await run("status", "--dir", dir, "--json")).stdout).toContain('"admin":"http://127.0.0.1:9400"');
  });

  it.each([
    ["http://127.0.0.1:9400", ["10.0.0.7:8400"], "http://127.0.0.1:9400/"],
    ["https://0.0.0.0:9400", ["web.example:8400", "10.0.0.7:8400"], "https://web.example:9400/"],
    ["https://[::]:9400", ["[2001:db8::7]:8400"], "https://[2001:db8::7]:9400/"],
    ["https://[::]:9400", [], "https://[::]:9400/"],
  ])("of an agent that listens at %s, with a member at %j, it is %s", (listens, addresses, expected) => {
    expect(pageUrl(listens, addresses)).toBe(expected);
  });

  it("says what to do when the agent has no admin port", async () => {
    const before = admin;
    admin = undefined;
    const { code, stderr } = await run("dashboard", "--dir", dir);
    admin = before;
    expect([code, stderr]).toEqual([1, expect.stringContaining("Start it with `--admin 0`")]);
    expect(stderr).toContain("(admin-closed)");
  });
});

describe("a recording", () => {
  it("is written for its owner alone, and made a page that stands alone", async () => {
    const file = join(cwd, "incident.jsonl");
    const made = await run("record", "--dir", dir, "--out", file, "--json");
    expect([made.code, JSON.parse(made.stdout)]).toMatchObject([0, { file, members: 4, events: 0 }]);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(recordedIn(readFileSync(file, "utf8"), file).lines.length).toBe(1);
    const played = await run("replay", file, "--out", "incident.html");
    expect(played).toMatchObject({ code: 0, stdout: expect.stringContaining("4 members, 0 events, from ") });
    const page = readFileSync(join(cwd, "incident.html"), "utf8");
    expect(page).toContain('"recording":1');
    expect(page).toContain('<script type="module">');
  });

  it.each([
    ["another file", "{}\n"],
    ["an empty one", ""],
    ["one without a snapshot", '{"recording":1}\n'],
    ["one of another version", '{"recording":2,"snapshot":{"at":1,"members":[]}}\n'],
  ])("is no %s", async (_, text) => {
    const file = join(cwd, "other.jsonl");
    writeFileSync(file, text);
    const { code, stderr } = await run("replay", file);
    expect([code, stderr]).toEqual([2, expect.stringContaining("is no recording. Make one with")]);
  });

  it("may end in the middle of a line, as when its writer died", () => {
    const text =
      '{"recording":1,"snapshot":{"at":5,"members":[{}]}}\n{"event":"figures","at":9}\n{"event":"alarm","at":7}\n{"ev';
    expect(recordedIn(text, "f")).toMatchObject({ members: 1, events: 1, from: 5, to: 9 });
  });
});

describe("the page of a recording", () => {
  let served: Served | undefined;
  afterEach(() => served?.close());

  it("is served below a path that nobody guesses, to no page of another site", async () => {
    served = await servePage("<title>played</title>");
    const { origin, pathname } = new URL(served.url);
    expect(pathname).toMatch(/^\/[0-9a-f]{32}\/$/);
    const page = await fetch(served.url);
    expect([page.status, await page.text()]).toEqual([200, "<title>played</title>"]);
    expect(page.headers.get("content-security-policy")).toBe("frame-ancestors 'none'");
    expect((await fetch(`${origin}/`)).status).toBe(404);
    expect((await fetch(served.url, { method: "POST" })).status).toBe(404);
    expect((await fetch(served.url, { headers: { "sec-fetch-site": "cross-site" } })).status).toBe(403);
  });
});

describe("a browser", () => {
  it.each([
    [{ BROWSER: "firefox", DISPLAY: ":0" }, "linux", ["firefox"]],
    [{ DISPLAY: ":0" }, "linux", ["xdg-open"]],
    [{ WAYLAND_DISPLAY: "wayland-0" }, "linux", ["xdg-open"]],
    [{}, "linux", undefined],
    [{}, "darwin", ["open"]],
    [{}, "win32", ["cmd", "/c", "start", ""]],
  ] as const)("is opened by what the system has: %j on %s", (env, system, expected) => {
    expect(openerOf(env, system)).toEqual(expected);
  });

  it("that is not there is no failure", async () => {
    expect(await openBrowser("http://127.0.0.1:1/", {})).toBe(openerOf({}) !== undefined);
    expect(await openBrowser("http://127.0.0.1:1/", { BROWSER: join(cwd, "nothing") })).toBe(false);
  });
});
