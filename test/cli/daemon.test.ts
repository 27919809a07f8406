/** The agent as a daemon, as real processes: services, reload, identities, and its API over TCP. Needs a build: `npm run build`. */
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { request as httpRequest } from "node:http";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { resolveAgentConfig } from "../../client/config/index.js";
import { saveIdentity } from "../../identity/index.js";
import { command, RunningCommand } from "../support/command.js";
import { TestNetwork } from "../support/test-network.js";
import { typed } from "../support/typed.js";

const DEADLINE_MS = 60_000;
const cwd = mkdtempSync(join(tmpdir(), "ff-daemon-"));
const dir = (name: string) => join(cwd, name);
const file = join(cwd, "agent.yaml");
/** A program that a forward leads to. */
const target = createServer((socket) => socket.end("hello\n").on("error", () => {}));
let agent: RunningCommand;
let id: string;
let ready: Readonly<Record<string, unknown>>;
let port: number;
let network: TestNetwork;

function configuration(services: string, more = ""): void {
  const head = `dir: ${dir("ann")}\nuse_ca: false\nlisten: 127.0.0.1:0\napi_listen: 127.0.0.1:0\napi_allow: [bob]\n`;
  writeFileSync(file, `${head}${more}services:\n${services}`);
}

const web = () => `  web: { kind: forward, target: "127.0.0.1:${port}", protocol: /x/web }\n`;
const at = (name = "ann") => ["--dir", dir(name)];
const json = async (...args: string[]) => {
  const { code, stdout, stderr } = await typed([...args, "--json"], { cwd });
  return code === 0 ? JSON.parse(stdout) : JSON.parse(stderr).error;
};
const services = async (...more: string[]) => {
  const states = (await json("services", ...at(), ...more)) as { id: string; state: string; since: number }[];
  return states.map(({ id, state }) => `${id} ${state}`);
};

beforeAll(async () => {
  await new Promise<void>((resolve) => target.listen(0, "127.0.0.1", resolve));
  port = (target.address() as { port: number }).port;
  network = await TestNetwork.create();
  for (const name of ["ann", "bob", "eve", "mia"]) await saveIdentity(dir(name), await network.member({ name }));
  configuration(web());
  agent = new RunningCommand(["agent", "--config", file, "--admin", "0"], { cwd });
  ready = await agent.event("ready");
  id = String(ready.id);
  await agent.event("service-running");
}, DEADLINE_MS);

afterAll(async () => {
  await agent.end("SIGTERM");
  target.close();
  rmSync(cwd, { recursive: true, force: true });
});

it("shows itself at the address that it says when it is ready", async () => {
  const page = await (await fetch(`${ready.admin}/metrics`)).text();
  expect(page).toMatch(/^fireflies_members 0$/m);
  const health = await (await fetch(`${ready.admin}/readyz`)).json();
  expect(health).toEqual({ ok: true, reasons: ["It is alone in its view."] });
});

describe("services", () => {
  it("are listed with kind, state, place, figures and last error", async () => {
    const [state] = await json("services", ...at());
    expect(state).toMatchObject({ id: "web", kind: "forward", state: "running", streams: 0, bytesIn: 0, held: false });
    expect((await typed(["services", ...at()], { cwd })).stdout).toMatch(
      /^ID +KIND +STATE +AT +STREAMS +IN +OUT +LAST ERROR\nweb +forward +running +\/x\/web to 127\.0\.0\.1:\d+ +0 +0 B +0 B\n$/,
    );
  });

  it("are changed by SIGHUP where they differ, and what did not change is not touched", async () => {
    const [before] = await json("services", ...at());
    configuration(`${web()}  more: { kind: forward, target: "127.0.0.1:${port}", protocol: /x/more }\n`);
    process.kill(agent.pid, "SIGHUP");
    const told = await agent.until(({ event }) => event === "reloaded");
    expect(told).toMatchObject({ services: { started: ["more"], stopped: [], kept: ["web"] }, nextStart: [] });
    const [after] = await json("services", ...at());
    expect(after).toMatchObject({ id: "web", since: before.since });
  });

  it("are changed by reload, which says what it did, also what waits for the next start", async () => {
    configuration(web(), "link_idle: 60\n");
    const { code, stdout } = await typed(["reload", ...at()], { cwd });
    expect({ code, stdout }).toEqual({ code: 0, stdout: "Read again: stopped more; with the next start link_idle.\n" });
    configuration(web());
    expect(await json("reload", ...at())).toMatchObject({ services: { kept: ["web"] }, nextStart: [] });
  });

  it("what is kept of topics is changed at once, and waits for no start", async () => {
    configuration(web(), "topic_memory: 8388608\ntopic_retention: [{ topic: a.b, seconds: 2, bytes: 4194304 }]\n");
    expect(await json("reload", ...at())).toMatchObject({ services: { kept: ["web"] }, nextStart: [] });
    configuration(web(), "topic_retention: [{ topic: a.b, bytes: 99999999 }]\n");
    expect(await json("reload", ...at())).toMatchObject({
      code: "config-bad-value",
      message: expect.stringContaining("topic_retention keeps 99999999 bytes of a.b"),
    });
    configuration(web());
    expect(await json("reload", ...at())).toMatchObject({ nextStart: [] });
  });

  it.each([
    ["a key", "  web: { kind: forward, targt: x }\n", "line 7", "config-unknown-key"],
    ["no YAML", "  web: {\n", "line 7", "config-unreadable"],
    ["a kind", "  ok: { kind: relay }\n  web: { kind: foward }\n", "line 8", "config-bad-value"],
  ])("stay as they are when the file is bad (%s): it is told with its line", async (_, text, line, code) => {
    configuration(text);
    expect(await json("reload", ...at())).toMatchObject({ code, message: expect.stringContaining(line) });
    process.kill(agent.pid, "SIGHUP");
    const told = await agent.until((each) => each.event === "alarm" && each.code === code);
    expect(told.message).toContain(line);
    expect(await services()).toEqual(["web running"]);
    configuration(web());
  });

  it("come and go at run time; with --save the file says so, and the rest of it is as it was", async () => {
    writeFileSync(file, `# Of the operator.\n${readFileSync(file, "utf8")}`);
    const more = join(cwd, "more.yaml");
    writeFileSync(more, `extra:\n  kind: forward\n  target: 127.0.0.1:${port}\n  protocol: /x/extra\n`);
    expect(await json("services", "add", more, ...at(), "--save")).toMatchObject([{ id: "extra", state: "running" }]);
    expect(await json("services", "add", more, ...at())).toMatchObject({ code: "service-exists" });
    const saved = readFileSync(file, "utf8");
    expect(saved).toMatch(/^# Of the operator\.\n/);
    expect(saved).toContain("protocol: /x/extra");
    expect(await json("reload", ...at())).toMatchObject({ services: { started: [], kept: ["web", "extra"] } });
    expect(await json("services", "remove", "extra", ...at(), "--save")).toEqual({ removed: "extra" });
    const before = readFileSync(file, "utf8");
    expect(before).not.toContain("extra");
    expect(await json("services", "remove", "extra", ...at())).toMatchObject({ code: "service-unknown" });
    const taken = `{ kind: listen, to: bob, protocol: /x, listen: "127.0.0.1:${port}" }`;
    writeFileSync(more, `first: { kind: forward, target: ":1", protocol: /x/first }\nsecond: ${taken}\n`);
    expect(await json("services", "add", more, ...at(), "--save")).toMatchObject({ code: "address-in-use" });
    expect(await services()).toEqual(["web running"]);
    expect(readFileSync(file, "utf8")).toBe(before);
    writeFileSync(more, "extra:\n  kind: forward\n  traget: x\n");
    expect(await json("services", "add", more, ...at())).toMatchObject({
      code: "config-unknown-key",
      message: `${more}, line 3: there is no key "traget".`,
    });
  });

  it("that fail are started again and shown; the member goes on", async () => {
    const busy = `  taken: { kind: listen, to: bob, protocol: /x/web, listen: "127.0.0.1:${port}" }\n`;
    configuration(`${web()}${busy}`);
    await json("reload", ...at());
    await agent.until(({ event, service }) => event === "service-failed" && service === "taken");
    const [, taken] = await json("services", ...at());
    expect(taken).toMatchObject({ id: "taken", state: "waiting", lastError: { code: "address-in-use" } });
    configuration(web());
    await json("reload", ...at());
    expect(await services()).toEqual(["web running"]);
  });
});

describe("identities", () => {
  it("are mounted while the agent runs, each with its own services, and chosen by --as", async () => {
    const added = await json("identity", "add", dir("eve"), ...at());
    expect(added).toMatchObject({ as: "eve", name: "eve", state: "running", own: false });
    expect(await json("identity", "add", dir("eve"), ...at())).toMatchObject({ code: "identity-exists" });
    // What a command has mounted is not the configuration's to end; a service that is saved for it brings it in there.
    expect(await json("reload", ...at())).toMatchObject({ identities: { unmounted: [], kept: [] } });
    expect(await json("identities", ...at())).toHaveLength(2);
    expect(await json("services", "remove", "none", ...at())).toMatchObject({ code: "service-unknown" });
    const detached = ["--as", "eve", "--detach", "--target", "127.0.0.1:1", "--id", "own"];
    expect(await json("forward", ...at(), ...detached)).toMatchObject({ id: "own", state: "running" });
    expect(await json("reload", ...at())).toMatchObject({ identities: { unmounted: [], kept: ["eve"] } });
    expect(await services("--as", "eve")).toEqual(["own running"]);
    const [own, hers] = ["ann", "eve"].map((as) => new RunningCommand(["log", ...at(), "--as", as], { cwd })) as [
      RunningCommand,
      RunningCommand,
    ];
    expect(await json("log", ...at(), "--as", "eva")).toMatchObject({ code: "identity-unknown" });
    const told = Promise.all([own.event("message"), hers.event("message")]);
    let isTold = false;
    void told.finally(() => {
      isTold = true;
    });
    while (!isTold) {
      // Until both are followed: each to itself.
      for (const as of ["ann", "eve"]) await json("send", as, "to myself", ...at(), "--as", as);
    }
    expect((await told).map(({ as }) => as)).toEqual([undefined, "eve"]);
    await Promise.all([own.end("SIGINT"), hers.end("SIGINT")]);
    expect(new Set(own.told.map(({ as }) => as))).toEqual(new Set([undefined]));
    expect(new Set(hers.told.map(({ as }) => as))).toEqual(new Set(["eve"]));
    expect(await json("identity", "remove", "eve", ...at(), "--drain", "0")).toEqual({ removed: "eve" });
    configuration(
      web(),
      `identities:\n  eve: { dir: ${dir("eve")}, use_ca: false, services: { own: { kind: relay } } }\n`,
    );
    expect(await json("reload", ...at())).toMatchObject({ identities: { mounted: ["eve"] } });
    const list = (await json("identities", ...at())) as { as: string; state: string }[];
    expect(list.map(({ as, state }) => [as, state])).toEqual([
      ["ann", "running"],
      ["eve", "running"],
    ]);
    expect(await json("info", ...at(), "--as", "eve")).toMatchObject({ name: "eve" });
    expect(await json("info", ...at(), "--as", dir("eve"))).toMatchObject({ name: "eve" });
    expect(await json("info", ...at())).toMatchObject({ name: "ann", id });
    expect(await services("--as", "eve")).toEqual(["own running"]);
    expect(await json("info", ...at(), "--as", "eva")).toMatchObject({
      code: "identity-unknown",
      advice: "Did you mean eve?",
    });
    expect(await json("identity", "remove", "eve", ...at(), "--drain", "0")).toEqual({ removed: "eve" });
    expect(await json("identities", ...at())).toHaveLength(1);
    configuration(web());
  });
});

describe("an identity that cannot start", () => {
  it("is shown with why, and mounted when the cause is gone and the configuration is read again", async () => {
    configuration(web(), `identities:\n  ivy: { dir: ${dir("ivy")}, use_ca: false }\n`);
    expect(await json("reload", ...at())).toMatchObject({ identities: { mounted: [], kept: [] } });
    const shown = (await json("identities", ...at())) as { as: string; state: string }[];
    expect(shown).toMatchObject([{ as: "ann" }, { as: "ivy", state: "failed", error: { code: "identity-missing" } }]);
    configuration(web());
    await json("reload", ...at());
    expect(await json("identities", ...at())).toHaveLength(1);
    configuration(web(), `identities:\n  ivy: { dir: ${dir("ivy")}, use_ca: false }\n`);
    await json("reload", ...at());
    await saveIdentity(dir("ivy"), await network.member({ name: "ivy" }));
    expect(await json("reload", ...at())).toMatchObject({
      identities: { mounted: ["ivy"] },
      services: { kept: ["web"] },
    });
    expect(await json("reload", ...at())).toMatchObject({ identities: { mounted: [], kept: ["ivy"] } });
    configuration(web());
    expect(await json("reload", ...at())).toMatchObject({ identities: { unmounted: ["ivy"] } });
  });
});

describe("what was added without --save", () => {
  it("is no part of the configuration: a reload leaves it alone, and the agent chooses a name for what has none", async () => {
    const target = ["--target", `127.0.0.1:${port}`, "--protocol", "/x/kept"];
    expect(await json("forward", ...target, ...at(), "--detach")).toMatchObject({ id: "forward-1", state: "running" });
    expect(readFileSync(file, "utf8")).toContain("forward-1");
    const more = join(cwd, "beside.yaml");
    writeFileSync(more, `beside: { kind: forward, target: "127.0.0.1:${port}", protocol: /x/beside }\n`);
    await json("services", "add", more, ...at());
    configuration(web());
    expect(await json("reload", ...at())).toMatchObject({ services: { stopped: ["forward-1"], kept: ["web"] } });
    expect(await services()).toEqual(["web running", "beside running"]);
    await json("services", "remove", "beside", ...at());
  });
});

describe("the API over TCP, in mutual TLS", () => {
  const url = () => String(agent.told.find(({ event }) => event === "api")?.url);

  it("answers members that api_allow names, and nobody else", async () => {
    expect(url()).toMatch(new RegExp(`^https://${id}@127\\.0\\.0\\.1:\\d+$`));
    expect(await json("info", ...at("bob"), "--api", url())).toMatchObject({ name: "ann" });
    expect(await json("info", ...at(), "--api", url())).toMatchObject({ name: "ann" }); // Its own identity.
    expect(await json("info", ...at("mia"), "--api", url())).toMatchObject({ code: "agent-forbidden" });
  });

  it("is called only when it is the member that was meant, and of the caller's network", async () => {
    const other = await TestNetwork.create();
    await saveIdentity(dir("zoe"), await other.member({ name: "bob" }));
    const answer = await json("info", ...at("zoe"), "--api", url());
    expect(answer).toMatchObject({ code: "agent-forbidden", message: expect.stringContaining("is not the agent") });
    const wrong = url().replace(id, "f".repeat(64));
    expect(await json("info", ...at("bob"), "--api", wrong)).toMatchObject({
      message: expect.stringContaining("it is ann"),
    });
  });

  it("carries what goes on, too", async () => {
    const following = new RunningCommand(["log", ...at("bob"), "--api", url()], { cwd });
    const told = following.event("reloaded");
    let isOver = false;
    void told.finally(() => {
      isOver = true;
    });
    while (!isOver) await json("reload", ...at()); // Until it follows.
    expect(await told).toMatchObject({ level: "info", services: { kept: ["web"] } });
    expect(await following.end("SIGINT")).toBe(0);
  });
});

describe("the API on loopback, with a token", () => {
  it("answers who has it, compares it whole, and is slow to those who guess", async () => {
    const other = new RunningCommand(
      [
        ...["agent", ...at("mia"), "--no-use-ca", "--listen", "127.0.0.1:0", "--api-listen", "127.0.0.1:0"],
        ...["--prof", "127.0.0.1:0"],
      ],
      { cwd },
    );
    await other.event("ready");
    const url = String((await other.event("api")).url);
    expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
    const tokenFile = join(dir("mia"), "api.token");
    expect(statSync(tokenFile).mode & 0o777).toBe(0o600);
    const withToken = ["--api", url, "--api-token-file", tokenFile];
    expect(await json("info", ...withToken)).toMatchObject({ name: "mia" });
    const statusWith = (headers: Record<string, string>) =>
      new Promise<number | undefined>((resolve, reject) => {
        const asked = httpRequest(`${url}/v1/info`, { headers, agent: false }, (answer) => {
          answer.resume();
          resolve(answer.statusCode);
        });
        asked.on("error", reject).end();
      });
    const token = readFileSync(tokenFile, "utf8").trim();
    const bearer = (text: string) => ({ authorization: `Bearer ${text}` });
    expect(await statusWith({})).toBe(403);
    expect(await statusWith({ ...bearer(token), host: "evil.example" })).toBe(403);
    expect(await statusWith({ ...bearer(token), origin: "http://evil.example" })).toBe(403);
    expect(await statusWith(bearer(token.slice(1)))).toBe(403);
    const guesses = [];
    for (let guess = 0; guess < 12; guess++) guesses.push(await statusWith(bearer(`${guess}`.padStart(43, "x"))));
    expect(guesses).toContain(429);
    expect(await statusWith(bearer(token))).toBe(200); // Who knows it does not wait for those who guess.
    const prof = other.told.find(({ event }) => event === "prof");
    const profiles = String(prof?.url);
    expect(prof?.tokenFile).toBe(tokenFile);
    const headers = bearer(token);
    // Loopback is every user's of the machine.
    expect((await fetch(`${profiles}/cpu?seconds=0.2`)).status).toBe(403);
    const cpu = await (await fetch(`${profiles}/cpu?seconds=0.2`, { headers })).json();
    expect(cpu).toMatchObject({ nodes: expect.any(Array), samples: expect.any(Array) });
    const heap = await (await fetch(`${profiles}/heap?seconds=0.2`, { headers })).json();
    expect(heap).toMatchObject({ head: expect.any(Object) });
    const wrong = await fetch(`${profiles}/cpu?seconds=1000`, { headers });
    expect(wrong.status).toBe(400);
    expect(await wrong.json()).toMatchObject({ code: "control-malformed" });
    expect((await fetch(`${profiles}/cpu`, { headers: { ...headers, origin: "http://evil.example" } })).status).toBe(
      403,
    );
    await other.end("SIGTERM");
  });

  it.each([
    ["a port for others, for nobody", ["--api-listen", "0.0.0.0:0"], "config-bad-value"],
    [
      "a token that all may read",
      ["--api-listen", "127.0.0.1:0", "--api-token-file", "open.token"],
      "key-file-permissions",
    ],
    ["a token that is short", ["--api-listen", "127.0.0.1:0", "--api-token-file", "short.token"], "config-bad-value"],
  ])("is refused at the start: %s", async (_, args, code) => {
    writeFileSync(join(cwd, "open.token"), `${"x".repeat(40)}\n`, { mode: 0o644 });
    writeFileSync(join(cwd, "short.token"), "secret\n", { mode: 0o600 });
    const started = await command(["agent", ...at("mia"), "--no-use-ca", ...args, "--json"], { cwd });
    expect(JSON.parse(started.stderr)).toMatchObject({ error: { code } });
  });

  it.each(["http://10.0.0.1:1", "ftp://x", "https://host/path", "nonsense"])("no URL: %s", async (url) => {
    expect(await json("info", "--api", url)).toMatchObject({ code: "cli-usage" });
  });
});

it("--write-config writes what the flags say, for its owner alone, and never over a file", async () => {
  const flags = [
    "--dir",
    dir("ann"),
    "--gossip-interval",
    "0.5",
    "--entry",
    "127.0.0.1:5",
    "--no-relay",
    "--join",
    "abc",
  ];
  const written = await typed(["agent", ...flags, "--metadata", '{"a":1}', "--write-config", "new.yaml"], { cwd });
  expect(written).toMatchObject({ code: 0, stdout: expect.stringContaining("fireflies agent --config new.yaml") });
  expect(readFileSync(join(cwd, "new.yaml"), "utf8")).toBe(
    `# Written by fireflies agent --write-config.\ndir: ${dir("ann")}\ngossip_interval: 0.5\nentry_addrs: 127.0.0.1:5\ntoken: abc\nmetadata:\n  a: 1\nrelay: false\n`,
  );
  expect(statSync(join(cwd, "new.yaml")).mode & 0o777).toBe(0o600);
  expect(await typed(["agent", "--write-config", "new.yaml"], { cwd })).toMatchObject({ code: 7 });
});

it("--write-config writes a file that says the same, also of names that look like numbers", async () => {
  const flags = {
    ...{ dir: "7", name: "123", host: "true", "keep-links": "1,2", "api-allow": "42", listen: "8400", prof: "6060" },
    ...{ wait: "forever", "behind-nat": "false", "relay-connections": "5", rdv: "all", metadata: '{"rack":7}' },
    ...{ "gossip-interval": "0.50", entry: "127.0.0.1:5", "api-names": "[::1]" },
  };
  const args = Object.entries(flags).flatMap(([flag, value]) => [`--${flag}`, value]);
  expect(await typed(["agent", ...args, "--write-config", "same.yaml"], { cwd })).toMatchObject({ code: 0 });
  const surroundings = { cwd, env: {}, home: cwd };
  const { file: _, ...said } = resolveAgentConfig({}, { flags, surroundings }).member;
  const written = resolveAgentConfig({ config: join(cwd, "same.yaml") }, { surroundings });
  expect(written.member).toMatchObject(said);
  expect(written).toMatchObject({ api: { allow: ["42"], names: ["::1"] }, prof: { port: 6_060 } });
});
