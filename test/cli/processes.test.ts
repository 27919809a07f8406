/**
 * Every command, against a real authority and real agents in processes of their own. What goes on, reads its input or starts a member
 * is a process as well; what asks and ends runs in this one. Needs a build: `npm run build`.
 */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { SAME_WISH_MS } from "../../cli/signals.js";
import { command, RunningCommand, type Told } from "../support/command.js";
import { typed } from "../support/typed.js";

const DEADLINE_MS = 60_000;
vi.setConfig({ testTimeout: DEADLINE_MS });

let root: string;
let ca: RunningCommand;
let listening: Told;
let ann: RunningCommand;
let bob: RunningCommand;
let annId: string;
let bobId: string;
const running: RunningCommand[] = [];

const dir = (name: string) => join(root, name);
const run = (args: readonly string[]) => typed(args, { cwd: root });
const runProcess = (args: readonly string[], input = "") => command(args, { cwd: root, input });
const token = async (name: string) => (await run(["ca", "token", name, "--dir", dir("ca")])).stdout.trim();

function begin(...args: string[]): RunningCommand {
  const started = new RunningCommand(args, { cwd: root });
  running.push(started);
  return started;
}

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), "ff-cli-"));
  ca = begin("ca", "--dir", dir("ca"), "--port", "0", "--open");
  listening = await ca.event("listening");
  ann = begin("agent", "--dir", dir("ann"), "--join", await token("ann"), "--listen", "127.0.0.1:0");
  annId = String((await ann.event("ready")).id);
  const open = ["--ca", String(listening.url), "--ca-fingerprint", String(listening.fingerprint), "--name", "bob"];
  bob = begin("agent", "--dir", dir("bob"), ...open, "--listen", "0", "--reply", "bob was here");
  bobId = String((await bob.event("ready")).id);
  await ann.until(({ event, id }) => event === "joined" && id === bobId);
  await bob.until(({ event, id }) => event === "joined" && id === annId);
}, DEADLINE_MS);

afterAll(async () => {
  await Promise.all(running.map((each) => each.end("SIGKILL")));
  rmSync(root, { recursive: true, force: true });
});

describe("ca", () => {
  it("tells first where it listens, and with which fingerprint", () => {
    expect(ca.told[0]).toMatchObject({
      event: "listening",
      address: expect.stringMatching(/^127\.0\.0\.1:\d+$/),
      fingerprint: expect.stringMatching(/^[0-9a-f]{64}$/),
    });
  });

  it("token prints the token alone, beside the running authority", async () => {
    const { code, stdout, stderr } = await run(["ca", "token", "carl", "--dir", dir("ca")]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toMatch(/^\S+\n$/);
  });

  it("a second authority on the directory is refused", async () => {
    expect(await runProcess(["ca", "--dir", dir("ca"), "--port", "0", "--json"])).toMatchObject({
      code: 6,
      stdout: "",
      stderr: expect.stringContaining('"ca-state-locked"'),
    });
  });

  it("sign writes an identity whose agent needs no authority", async () => {
    const signed = await run(["ca", "sign", "dora", "--dir", dir("ca"), "--out", dir("dora"), "--json"]);
    expect(signed.code).toBe(0);
    const key = readFileSync(join(dir("dora"), "key.pem"), "utf8");
    const again = await run(["ca", "sign", "dora2", "--dir", dir("ca"), "--out", dir("dora")]);
    expect(again).toMatchObject({ code: 6, stderr: expect.stringContaining("(identity-exists)") });
    expect(readFileSync(join(dir("dora"), "key.pem"), "utf8")).toBe(key);
    expect(statSync(join(dir("dora"), "key.pem")).mode & 0o777).toBe(0o600);
    const address = String((await ann.event("ready")).address);
    const dora = begin("agent", "--dir", dir("dora"), "--no-use-ca", "--entry", address);
    const { id } = await dora.event("ready");
    expect(id).toBe(JSON.parse(signed.stdout).id);
    await ann.until((told) => told.event === "joined" && told.id === id);
    expect(await dora.end("SIGINT")).toBe(0);
    expect(await ann.until((told) => told.event === "left" && told.id === id)).toBeTruthy();
  });
});

describe("topics", () => {
  const published = (stdout: string) =>
    stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));

  it("go from one agent to what subscribes at another, a message from each line", async () => {
    const reader = begin("subscribe", "orders.*", "--dir", dir("bob"));
    expect(await reader.event("subscribed")).toMatchObject({ topic: "orders.*" });
    const one = await run(["publish", "orders.eu", "17 bottles", "--dir", dir("ann"), "--ack", "all", "--json"]);
    expect(published(one.stdout)).toEqual([{ topic: "orders.eu", sequence: 1, ack: "all" }]);
    const args = ["publish", "orders.eu", "-", "--dir", dir("ann"), "--ack", "all", "--json"];
    const lines = await runProcess(args, "one\ntwo\n\nfour\n");
    expect(published(lines.stdout).map(({ event, sequence }) => [event, sequence])).toEqual(
      [2, 3, 4, 5].map((sequence) => ["published", sequence]),
    );
    await reader.until(({ sequence }) => sequence === 5);
    const messages = reader.told.filter(({ event }) => event === "message");
    expect(messages.map(({ text }) => text)).toEqual(["17 bottles", "one", "two", "", "four"]);
    expect(messages[0]).toMatchObject({ topic: "orders.eu", from: annId, name: "ann", sequence: 1 });
    const { stdout } = await run(["topics", "--dir", dir("ann"), "--json"]);
    expect(JSON.parse(stdout)).toMatchObject([
      { topic: "orders.eu", subscribers: 1, published: 5, publishedPerSecond: 0 },
    ]);
    const table = (await run(["topics", "--dir", dir("bob")])).stdout;
    expect(table).toMatch(
      /^TOPIC +SUBSCRIBERS +PUBLISHED +PER S +HANDLED +PER S +BACKLOG +BYTES\norders\.eu +1 +0 +0 +5 /,
    );
    const graph = JSON.parse((await run(["graph", "--dir", dir("ann"), "--json"])).stdout);
    expect(graph.topics).toMatchObject([{ topic: "orders.eu", member: annId, subscribers: [bobId], published: 5 }]);
    expect(await reader.end("SIGTERM")).toBe(0);
  });

  it("go to one of those that subscribe with the name of one queue, and the last one first to who asks for it", async () => {
    const at = (name: string) => begin("subscribe", "jobs.*", "--queue", "workers", "--dir", dir(name));
    const workers = [at("ann"), at("bob"), at("bob")];
    await Promise.all(workers.map((each) => each.event("subscribed")));
    const sent = Array.from({ length: 30 }, (_, index) => `job ${index}`);
    await runProcess(["publish", "jobs.a", "-", "--dir", dir("ann"), "--ack", "all", "--json"], `${sent.join("\n")}\n`);
    const texts = () => workers.flatMap(({ told }) => told.filter(({ event }) => event === "message"));
    // Those at ann's own agent are not waited for.
    await Promise.race(workers.map((each) => each.until(() => texts().length >= 30)));
    expect(
      texts()
        .map(({ text }) => text)
        .sort(),
    ).toEqual([...sent].sort());
    const late = begin("subscribe", "jobs.*", "--last", "--dir", dir("bob"));
    expect(await late.event("message")).toMatchObject({ topic: "jobs.a", sequence: 30, text: "job 29" });
    for (const each of [...workers, late]) expect(await each.end("SIGTERM")).toBe(0);
  });

  it("with a name that is none are refused with a code, and what to do", async () => {
    const { code, stderr } = await run(["publish", "orders..eu", "x", "--dir", dir("ann"), "--json"]);
    expect([code, JSON.parse(stderr).error]).toMatchObject([1, { code: "topic-invalid" }]);
    const refused = await run(["subscribe", "a b", "--dir", dir("ann"), "--json"]);
    expect(JSON.parse(refused.stderr).error).toMatchObject({ code: "topic-invalid" });
    const lines = await runProcess(["publish", "a b", "-", "--dir", dir("ann"), "--json"], "x\n");
    expect(JSON.parse(lines.stderr).error).toMatchObject({ code: "topic-invalid" });
  });
});

describe("commands of a running agent", () => {
  it("agent and authority say at their start who they are, and where they keep what they have", async () => {
    expect(await ann.event("ready")).toMatchObject({ id: annId, name: "ann", dir: dir("ann") });
    expect(listening).toMatchObject({ dir: dir("ca") });
  });

  it("members --json is a list, without the agent itself", async () => {
    const { code, stdout } = await run(["members", "--dir", dir("ann"), "--json"]);
    expect(code).toBe(0);
    const members = JSON.parse(stdout) as { id: string; address: string }[];
    expect(members.map(({ id }) => id)).toContain(bobId);
    expect(members.map(({ id }) => id)).not.toContain(annId);
  });

  it("members for people shows a table, without colours for NO_COLOR or a pipe", async () => {
    const { stdout } = await runProcess(["members", "--dir", dir("ann")]);
    expect(stdout).toMatch(/^NAME +ID +ADDRESS +STATE/);
    expect(stdout).toMatch(new RegExp(`^bob +${bobId.slice(0, 12)} `, "m"));
    expect(stdout).not.toContain("\u001b");
  });

  it("info and rings", async () => {
    const info = JSON.parse((await run(["info", "--dir", dir("bob"), "--json"])).stdout);
    expect(info).toMatchObject({
      id: bobId,
      rings: listening.rings,
      deltaMs: listening.deltaMs,
      epoch: expect.any(String),
    });
    const rings = JSON.parse((await run(["rings", "--dir", dir("bob"), "--json"])).stdout) as unknown[];
    expect(rings).toHaveLength(info.rings);
    expect((await run(["info", "--dir", dir("bob")])).stdout).toContain(bobId);
    expect((await run(["rings", "--dir", dir("bob")])).stdout).toContain(`ann (${annId.slice(0, 12)})`);
  });

  it("send prints the reply: the message's own text, or what the agent was told to answer", async () => {
    expect(await run(["send", "--dir", dir("bob"), annId, "grüß dich"])).toMatchObject({
      code: 0,
      stdout: "grüß dich\n",
    });
    expect(await run(["send", "--dir", dir("ann"), bobId.slice(0, 16), "x"])).toMatchObject({
      stdout: "bob was here\n",
    });
    const { stdout } = await run(["send", "--dir", dir("ann"), bobId, "x", "--json"]);
    expect(JSON.parse(stdout)).toMatchObject({ id: bobId, reply: "bob was here", ms: expect.any(Number) });
    expect(await bob.event("message")).toMatchObject({ from: annId, name: "ann", text: "x" });
    expect(await run(["send", "--dir", dir("ann"), "bob", "x"])).toMatchObject({ stdout: "bob was here\n" });
  });

  it("gossip reaches the neighbour, once", async () => {
    expect((await run(["gossip", "--dir", dir("ann"), "fresh news"])).code).toBe(0);
    expect(await bob.event("gossip")).toMatchObject({ from: annId, name: "ann", text: "fresh news" });
  });

  it("stream carries standard input there and back", async () => {
    const text = "line\n".repeat(50_000);
    const { code, stdout } = await runProcess(["stream", "--dir", dir("ann"), bobId], text);
    expect(code).toBe(0);
    expect(stdout).toBe(text);
  });

  it("ping, status and join, over the agent's own sockets", async () => {
    const ping = await run(["ping", "--dir", dir("ann"), "bob", "--count", "1", "--json"]);
    expect(JSON.parse(ping.stdout)).toMatchObject({
      name: "bob",
      udpMs: expect.any(Number),
      linkMs: expect.any(Number),
      path: { address: expect.stringMatching(/^127\.0\.0\.1:/) },
    });
    const status = JSON.parse((await run(["status", "--dir", dir("ann"), "--json"])).stdout);
    expect(status).toMatchObject({ state: "in", name: "ann", pid: ann.pid, alarms: [{ code: "loopback-only" }] });
    const { address } = await bob.event("ready");
    const joined = await run(["join", "--dir", dir("ann"), String(address), "--json"]);
    expect(JSON.parse(joined.stdout)).toMatchObject({ member: { name: "bob", id: bobId } });
  });

  it("monitor tells the members first, and ends well when interrupted", async () => {
    const monitor = begin("monitor", "--dir", dir("ann"));
    expect(await monitor.event("joined")).toMatchObject({
      name: expect.any(String),
      id: expect.stringMatching(/^[0-9a-f]{64}$/),
      epoch: expect.any(String),
    });
    expect(await monitor.end("SIGINT")).toBe(0);
  });

  it("FIREFLIES_DIR stands in for --dir", async () => {
    const asked = await command(["info", "--json"], { cwd: root, env: { FIREFLIES_DIR: dir("bob") } });
    expect(JSON.parse(asked.stdout)).toMatchObject({ id: bobId });
  });

  it("one Ctrl-C that arrives twice is one: the agent leaves", async () => {
    const twice = begin("agent", "--dir", dir("zoe"), "--join", await token("zoe"));
    const { id } = await twice.event("ready");
    process.kill(twice.pid, "SIGINT");
    expect(await twice.end("SIGTERM")).toBe(0);
    expect(twice.told.at(-1)).toMatchObject({ event: "stopped", id });
  });

  it("the control socket is for its user only", () => {
    expect(statSync(join(dir("ann"), "control.sock")).mode & 0o777).toBe(0o600);
  });

  it("leave makes the agent end and the others see it; a restart is the same member", async () => {
    const first = begin("agent", "--dir", dir("emil"), "--join", await token("emil"));
    const { id } = await first.event("ready");
    await ann.until((told) => told.event === "joined" && told.id === id);
    expect(await run(["leave", "--dir", dir("emil")])).toMatchObject({ code: 0, stderr: "" });
    expect(await first.end()).toBe(0);
    expect(first.told.at(-1)).toMatchObject({ event: "stopped", id });
    await ann.until((told) => told.event === "left" && told.id === id);
    expect(existsSync(join(dir("emil"), "control.sock"))).toBe(false);
    const again = begin("agent", "--dir", dir("emil"), "--while-stdin");
    expect((await again.event("ready")).id).toBe(id);
    again.closeInput();
    expect(await again.end()).toBe(0);
  });

  it("after kill -9 neither lock nor socket stands in the way", async () => {
    const first = begin("agent", "--dir", dir("fay"), "--join", await token("fay"));
    const { id } = await first.event("ready");
    await first.end("SIGKILL");
    expect(existsSync(join(dir("fay"), "control.sock"))).toBe(true);
    expect((await run(["info", "--dir", dir("fay")])).code).toBe(3);
    const again = begin("agent", "--dir", dir("fay"));
    expect((await again.event("ready")).id).toBe(id);
    expect((await run(["info", "--dir", dir("fay")])).code).toBe(0);
    expect(await again.end("SIGTERM")).toBe(0);
  });
});

describe("an agent that has an open stream", () => {
  /** It, and the command that holds the stream, with a word that went there and back. */
  async function holding(name: string, ...args: string[]) {
    const agent = begin("agent", "--dir", dir(name), "--join", await token(name), ...args);
    await agent.until(({ event, id }) => event === "joined" && id === annId);
    const stream = begin("stream", "--dir", dir(name), annId);
    stream.write("one");
    await heard(stream, "one");
    return { agent, stream };
  }

  const heard = (stream: RunningCommand, all: string) =>
    stream.until(() => stream.told.map(({ data }) => Buffer.from(String(data), "base64").toString()).join("") === all);

  it("and is killed ends the command, though its input is open", async () => {
    const { agent, stream } = await holding("lea");
    await agent.end("SIGKILL");
    expect(await stream.end()).toBe(3);
    expect(stream.stderr).toContain('"agent-stopped"');
  });

  it("and gets a signal ends when the stream has, with all that is still written to it", async () => {
    const { agent, stream } = await holding("ines");
    process.kill(agent.pid, "SIGTERM");
    await agent.event("stopping");
    stream.write(" two");
    await heard(stream, "one two");
    stream.closeInput();
    expect(await stream.end()).toBe(0);
    expect(await agent.end()).toBe(0);
    expect(agent.told.filter(({ code }) => code !== undefined && code !== "loopback-only")).toEqual([]);
    expect(agent.told.at(-1)).toMatchObject({ event: "stopped" });
  });

  it("and gets a second signal cuts it, tells the others, and says that it was interrupted", async () => {
    const { agent, stream } = await holding("jon", "--drain", "600");
    const { id } = await agent.event("ready");
    process.kill(agent.pid, "SIGTERM");
    await agent.event("stopping");
    await new Promise((resolve) => setTimeout(resolve, SAME_WISH_MS + 100));
    expect(await agent.end("SIGTERM")).toBe(130);
    expect(agent.stderr).toContain('"cancelled"');
    expect(agent.told.map(({ code }) => code)).toContain("drain-expired");
    expect(await stream.end()).toBe(1);
    expect(stream.stderr).toContain('"member-stopping"');
    await ann.until((told) => told.event === "left" && told.id === id);
  });

  it("and is to leave at once cuts it, and that is done", async () => {
    const { agent, stream } = await holding("kim", "--drain", "600");
    expect(await run(["leave", "--dir", dir("kim"), "--drain", "0"])).toMatchObject({ code: 0, stderr: "" });
    expect(await agent.end()).toBe(0);
    expect(await stream.end()).toBe(1);
    expect(stream.stderr).toContain('"member-stopping"');
  });
});

describe("what goes wrong has a code, and an exit code", () => {
  it.each([
    [[], 2, "cli-usage"],
    [["membrs"], 2, "cli-usage"],
    [["members", "--dir", ""], 2, "cli-usage"],
    [["members"], 3, "agent-unreachable"],
    [["members", "--dir", ".", "--wat"], 2, "cli-usage"],
    [["plan", "--members", "0", "--byzantine", "0.1"], 2, "cli-usage"],
    [["agent", "--join", "x"], 5, "token-invalid"],
    [["agent", "--dir", "x", "--preset", "lann"], 2, "config-bad-value"],
    [["agent", "--dir", "x", "--listen", "a b"], 2, "config-bad-value"],
    [["agent", "--dir", "x", "--config", "missing.yaml"], 2, "config-unreadable"],
    [["ca", "--dir", ""], 2, "cli-usage"],
    [["ca", "list"], 2, "ca-state-missing"],
    [["ca", "--dir", "x", "--num-rings", "9", "--members", "5"], 2, "config-bad-value"],
    [["ca", "token", "zoe", "--dir", "nowhere"], 2, "ca-state-missing"],
    [["members", "--dir", "nowhere"], 3, "agent-unreachable"],
    [["agent", "--dir", "y", "--join", "no-token"], 5, "token-invalid"],
  ])("%j ends with %d: %s", async (args, code, name) => {
    const plain = await run(args);
    expect(plain).toMatchObject({ code, stdout: "" });
    expect(plain.stderr).toMatch(new RegExp(`^error: .*\\(${name}\\)\n$`));
    const json = await run([...args, "--json"]);
    expect(json).toMatchObject({ code, stdout: "" });
    expect(JSON.parse(json.stderr)).toMatchObject({ error: { code: name, message: expect.any(String) } });
  });

  it.each([
    [["membrs"], "Unknown command 'membrs' (Did you mean members?) See `fireflies --help`."],
    [["ca", "lst", "--dir", "x"], "Unknown command 'lst'. See `fireflies ca --help`."],
    [["ca", "audit"], "A command is missing. See `fireflies ca audit --help`."],
    [["ca", "audit", "tail", "--wat"], "Unknown option '--wat'. See `fireflies ca audit tail --help`."],
    [["ca", "audit", "verify", "a.jsonl"], "Give --root root.pem, or --dir."],
    [["sim", "wat"], "Too many arguments for 'sim'. Expected 0 arguments but got 1. See `fireflies sim --help`."],
  ])("%j: says what is wrong, and whose help to read", async (args, message) => {
    expect(await run(args)).toMatchObject({ code: 2, stderr: expect.stringContaining(message) });
  });

  it("which a process ends with as well, and its streams say the same", async () => {
    for (const args of [["membrs"], ["members", "--dir", "nowhere"], ["plan", "--help"]]) {
      expect(await runProcess(args)).toEqual(await run(args));
    }
  });

  it("an unknown or ambiguous member", async () => {
    const { code, stderr } = await run(["send", "--dir", dir("ann"), "zz", "x"]);
    expect(code).toBe(4);
    expect(stderr).toContain("(id-unknown)");
  });

  it("a token used twice, a directory in use, a port in use", async () => {
    const used = await token("gus");
    const first = begin("agent", "--dir", dir("gus"), "--join", used);
    const { address } = await first.event("ready");
    expect(await runProcess(["agent", "--dir", dir("gus2"), "--join", used])).toMatchObject({
      code: 5,
      stderr: expect.stringContaining("token-used"),
    });
    expect(await runProcess(["agent", "--dir", dir("gus")])).toMatchObject({
      code: 6,
      stderr: expect.stringContaining("state-in-use"),
    });
    const clash = await runProcess([
      "agent",
      "--dir",
      dir("hans"),
      "--join",
      await token("hans"),
      "--listen",
      String(address),
    ]);
    expect(clash).toMatchObject({ code: 6, stderr: expect.stringContaining("address-in-use") });
    const port = String(listening.address).split(":")[1]!;
    const fresh = await runProcess(["ca", "--dir", dir("ca2"), "--port", port, "--num-rings", "7"]);
    expect(fresh.code).toBe(6);
    expect(fresh.stderr).toContain("Choose another port with --port");
    expect(fresh.stderr).toContain(`${dir("ca2")} was created, with 7 rings`);
    expect(await first.end("SIGTERM")).toBe(0);
  });

  it("a mistake in fireflies.yaml, with its line", async () => {
    const cwd = dir("elsewhere");
    mkdirSync(cwd);
    writeFileSync(join(cwd, "fireflies.yaml"), "preset: lan\ngosip_interval: 1\n");
    const { code, stderr } = await typed(["agent", "--dir", "x"], { cwd });
    expect(code).toBe(2);
    expect(stderr).toMatch(/fireflies\.yaml, line 2: .*gossip_interval\? \(config-unknown-key\)/);
  });
});

describe("help", () => {
  it("that nobody reads to its end says nothing of it, and ends as what a closed pipe ends", async () => {
    expect(await command(["--help"], { cwd: root, unread: true })).toMatchObject({ code: 141, stderr: "" });
  });

  const COMMANDS = [
    "ca",
    "agent",
    "members",
    "info",
    "rings",
    "send",
    "gossip",
    "stream",
    "monitor",
    "leave",
    "plan",
    "demo",
  ];
  it.each(COMMANDS)("%s has help with examples", async (name) => {
    const { code, stdout } = await run([name, "--help"]);
    expect(code).toBe(0);
    expect(stdout).toMatch(new RegExp(`Examples:\n +\\$ fireflies ${name}`));
    expect(stdout).toContain("--json");
  });

  it("names all commands and exit codes, and the version", async () => {
    const { stdout } = await runProcess(["--help"]);
    for (const name of COMMANDS) expect(stdout).toMatch(new RegExp(`^ +${name} `, "m"));
    expect(stdout).toContain("Exit codes:");
    expect((await runProcess(["--version"])).stdout).toMatch(/^\d+\.\d+\.\d+/);
  });
});

it("plan answers with rings and what they tolerate", async () => {
  const { stdout } = await run(["plan", "--members", "1000", "--byzantine", "0.2", "--json"]);
  expect(JSON.parse(stdout)).toMatchObject({ rings: 41, t: 20, holds: true });
  const given = await run(["plan", "--members", "1000", "--byzantine", "0.1", "--rings", "10", "--json"]);
  expect(JSON.parse(given.stdout)).toMatchObject({ rings: 10, t: 4, holds: false });
});
