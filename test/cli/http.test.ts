/**
 * `fireflies http serve` and `curl` against real agents in processes of their own. `curl` is one as well where it reads its input, or
 * where several run at once. Needs a build: `npm run build`.
 */
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { targetOf } from "../../cli/commands/traffic/curl.js";
import { command, RunningCommand, type Told } from "../support/command.js";
import { Target } from "../support/local-programs.js";
import { Stage } from "../support/network.js";
import { typed } from "../support/typed.js";

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

let root: string;
let authority: Told;
let ann: RunningCommand;
const stage = new Stage();
const running: RunningCommand[] = [];
const dir = (name: string) => join(root, name);

function begin(...args: string[]): RunningCommand {
  const started = new RunningCommand(args, { cwd: root });
  running.push(started);
  return started;
}

async function agent(name: string, ...more: string[]): Promise<RunningCommand> {
  const open = ["--ca", String(authority.url), "--ca-fingerprint", String(authority.fingerprint), "--name", name];
  const started = begin("agent", "--dir", dir(name), "--listen", "127.0.0.1:0", "--preset", "local", ...open, ...more);
  await started.event("ready");
  return started;
}

/** In this process: one at a time, and none that reads its input. */
const curl = (...args: readonly string[]) => typed(["curl", ...args, "--dir", dir("ann")], { cwd: root });
const curlProcess = (args: readonly string[], input = "") =>
  command(["curl", ...args, "--dir", dir("ann")], { cwd: root, input });

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), "ff-http-"));
  mkdirSync(dir("site"));
  writeFileSync(join(dir("site"), "index.html"), "<p>hello\n");
  const file = join(root, "bob.yaml");
  writeFileSync(file, "metadata: {}\n");
  authority = await begin("ca", "--dir", dir("ca"), "--port", "0", "--open").event("listening");
  let bob: RunningCommand;
  [ann, bob] = await Promise.all([agent("ann"), agent("bob", "--config", file)]);
  await ann.until((told) => told.event === "joined" && told.name === "bob");
  await bob.until((told) => told.event === "joined" && told.name === "ann");
});

afterAll(async () => {
  await Promise.all(running.map((each) => each.end("SIGKILL")));
  await stage[Symbol.asyncDispose]();
  rmSync(root, { recursive: true, force: true });
});

describe("http serve and curl", () => {
  it("bring files of one machine to another, until the command ends", async () => {
    const serving = begin("http", "serve", "site", "--dir", dir("bob"));
    expect(await serving.event("serving")).toMatchObject({ protocol: "/http/1.1", name: "bob" });
    expect(await curlProcess(["bob"])).toEqual({ code: 0, stdout: "<p>hello\n", stderr: "" });
    const included = await curl("http://bob.fireflies/index.html", "-i", "--json");
    expect(included.stdout).toMatch(/^HTTP\/1\.1 200 OK\r\n.*\r\n\r\n<p>hello\n$/s);
    expect(JSON.parse(included.stderr)).toMatchObject({ event: "answer", status: 200 });
    expect((await curl("bob/index.html", "--head")).stdout).toMatch(/content-length: 9/i);
    const missing = await curl("bob/none", "--fail");
    expect(missing).toMatchObject({ code: 1, stderr: expect.stringContaining("status 404") });
    expect((await curl("bob/none")).code).toBe(0);
    const posted = await curlProcess(["bob/", "-i", "-d", "@-", "-H", "x-a: 1"], "body");
    expect(posted.stdout).toMatch(/^HTTP\/1\.1 405 /);
    expect(await serving.end("SIGINT")).toBe(0);
    expect(await curl("bob")).toMatchObject({ code: 1, stderr: expect.stringContaining("handler-missing") });
  });

  it("follow redirects, write files, send files and credentials, as curl does", async () => {
    const seen: string[] = [];
    const server = createServer((request, response) => {
      const { method, url, headers } = request;
      // A server that ends with a body unread resets the connection, and what it said may be lost with that.
      if (url === "/old") request.resume();
      seen.push(`${method} ${url} ${headers.authorization ?? "-"} ${headers["user-agent"]}`);
      if (url === "/old") response.writeHead(302, { location: "/new.txt" }).end("moved");
      else if (url === "/out") response.writeHead(301, { location: "http://example.com/" }).end();
      else if (url === "/round") response.writeHead(307, { location: "/round" }).end();
      else request.pipe(response);
    });
    stage.closing(server.listen(0, "127.0.0.1"), (each) => each.closeAllConnections());
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    const forwarding = begin("forward", "--dir", dir("bob"), "--target", `127.0.0.1:${port}`);
    await forwarding.event("forwarding");
    const at = (path: string) => `bob:${port}${path}`;
    expect((await curl(at("/old"))).stdout).toBe("moved");
    expect(await curl(at("/old"), "-sSL", "-d", "x", "-o", "got.txt")).toMatchObject({
      code: 0,
      stdout: "",
      stderr: "",
    });
    expect(readFileSync(join(root, "got.txt"), "utf8")).toBe("");
    expect(
      await curlProcess([at("/new.txt"), "-T", "-", "-u", "ann:secret", "-A", "me", "-O"], "a file"),
    ).toMatchObject({
      code: 0,
    });
    expect(readFileSync(join(root, "new.txt"), "utf8")).toBe("a file");
    expect(seen.slice(1)).toEqual([
      "POST /old - fireflies",
      "GET /new.txt - fireflies",
      `PUT /new.txt Basic ${Buffer.from("ann:secret").toString("base64")} me`,
    ]);
    expect((await curl(at("/echo"), "--data-raw", "@-")).stdout).toBe("@-");
    const told = await curl(at("/echo"), "-v", "-d", "hi");
    expect(told).toMatchObject({
      stdout: "hi",
      stderr: expect.stringMatching(/> POST \/echo HTTP.*< HTTP\/1.1 200 OK/s),
    });
    expect(await curl(at("/out"), "-L")).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("address-forbidden"),
    });
    const round = await curl(at("/round"), "-L", "--max-redirs", "3");
    expect(round).toMatchObject({ code: 1, stderr: expect.stringContaining("more than 3 times") });
    await forwarding.end("SIGINT");
  });

  it("stay with the agent when they are detached", async () => {
    const settings = ["--service", "docs", "--allow", "ann", "--per-member", "10", "--json"];
    const kept = await typed(["http", "serve", "site", "--dir", dir("bob"), "--detach", "--id", "docs", ...settings], {
      cwd: root,
    });
    expect(kept).toMatchObject({ code: 0 });
    expect((await curl("bob/", "--protocol", "/http/docs")).stdout).toBe("<p>hello\n");
    const { stdout } = await typed(["services", "--dir", dir("bob"), "--json"], { cwd: root });
    expect(stdout).toContain('"kind":"http"');
  });

  it("end with an error when the member's process is killed in the middle, and there is no silence", async () => {
    const target = await Target.of(stage, () => {}); // It never answers.
    const carl = await agent("carl");
    await ann.until((told) => told.event === "joined" && told.name === "carl");
    await begin("forward", "--dir", dir("carl"), "--target", target.address).event("forwarding");
    const asked = [1, 2, 3].map(() => curlProcess([`carl:${target.port}/`]));
    await expect.poll(() => target.sockets.length, { timeout: 20_000 }).toBe(3);
    await carl.end("SIGKILL");
    const ends = await Promise.all(asked);
    expect(ends.map(({ code }) => code)).toEqual([1, 1, 1]);
    expect(ends[0]?.stderr).toMatch(/\((link-closed|stream-reset|peer-removed)\)/);
  });

  it("end when a member says nothing any more, as behind a way that is gone, before its link is found dead", async () => {
    const target = await Target.of(stage, () => {}); // It never answers.
    const eve = await agent("eve");
    await ann.until((told) => told.event === "joined" && told.name === "eve");
    await begin("forward", "--dir", dir("eve"), "--target", target.address).event("forwarding");
    const asked = [1, 2, 3].map(() => curlProcess([`eve:${target.port}/`]));
    await expect.poll(() => target.sockets.length, { timeout: 20_000 }).toBe(3);
    await new Promise((later) => setTimeout(later, 1_000)); // Until it has answered a ping.
    process.kill(eve.pid, "SIGSTOP");
    const ends = await Promise.all(asked);
    process.kill(eve.pid, "SIGCONT");
    for (const { code, stderr } of ends)
      expect([code, stderr]).toEqual([1, expect.stringContaining("way to it is gone")]);
  });

  it("say what they cannot do", async () => {
    expect(await curl("nobody/")).toMatchObject({ code: 1, stderr: expect.stringContaining("peer-unknown") });
    expect(await curl("http://")).toMatchObject({ code: 2 });
    expect(await curl("bob", "-H", "nonsense")).toMatchObject({ code: 2 });
    const none = await typed(["http", "serve", "none", "--dir", dir("bob")], { cwd: root });
    expect(none).toMatchObject({ code: 7, stderr: expect.stringContaining("input-failed") });
  });
});

it.each([
  ["bob", { member: "bob", host: "bob.fireflies", port: "80", path: "/" }],
  ["bob/a b?c=%20", { member: "bob", host: "bob.fireflies", port: "80", path: "/a%20b?c=%20" }],
  ["bob:8000", { member: "bob", host: "bob.fireflies:8000", port: "8000", path: "/" }],
  ["http://bob.fireflies/x", { member: "bob.fireflies", host: "bob.fireflies", port: "80", path: "/x" }],
  ["service:shop/x", { member: "service:shop", host: "shop.fireflies", port: "80", path: "/x" }],
  ["http://bob?x=1", { member: "bob", host: "bob.fireflies", port: "80", path: "/?x=1" }],
])("curl %s leads to the member, the port and the path", (text, target) => {
  expect(targetOf(text)).toEqual(target);
});
