/** Commands that ask a running agent, as they are typed: names in all of them. Needs a build: `npm run build`. */
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { RecentAlarms } from "../../cli/api/recent-alarms.js";
import type { ApiServer } from "../../cli/api/server/server.js";
import { latest } from "../../cli/commands/members/members.js";
import { FirefliesError } from "../../identity/index.js";
import { FakeAgentClient, idOf, member } from "../support/fake-agent-client.js";
import { serveFake } from "../support/serve-fake.js";
import { typed } from "../support/typed.js";

let dir: string;
let client: FakeAgentClient;
let server: ApiServer;

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), "ff-agent-commands-"));
  client = new FakeAgentClient();
  client.gone = [{ member: member("d", { name: "dan" }), reason: "removed", at: 1 }];
  const alarms = new RecentAlarms();
  for (let number = 1; number <= 30; number++) alarms.add({ code: "alone", message: `alarm ${number}` }, Date.now());
  const agent = { version: "1.2.3", dir, startedAt: Date.now(), alarms: () => alarms.list() };
  server = await serveFake(dir, { client, agent, leave: async () => {} });
});
afterEach(async () => {
  await server.close();
  rmSync(dir, { recursive: true, force: true });
});

const type = (...args: string[]) => typed([...args, "--dir", dir], { cwd: dir });

it("members is a table of names, whom a filter fits, and with --all who is gone and why", async () => {
  const { code, stdout } = await type("members", "--all");
  expect(code).toBe(0);
  expect(stdout).toMatch(/^NAME +ID +ADDRESS +STATE +SINCE +METADATA\nbob +b00000000000 /);
  expect(stdout).toMatch(/\ndan +d00000000000 +\S+ +failed: no answer +1970-01-01 00:00:00Z, /);
  expect((await type("members", "--name", "d*")).stdout).toMatch(/^No other member in this view fits the filter/);
  const [bob] = JSON.parse((await type("members", "--name", "b?b", "--json")).stdout);
  expect(bob).toMatchObject({ name: "bob", id: idOf("b"), state: "live" });
  client.list = [member("e", { name: "eva", metadata: { role: "worker", rack: 7 } })];
  const facts = (...given: string[]) => type("members", "--json", ...given.flatMap((fact) => ["--metadata", fact]));
  expect(JSON.parse((await facts("role=worker", "rack=7")).stdout)).toHaveLength(1);
  expect(JSON.parse((await facts("role=worker", "rack=8")).stdout)).toHaveLength(0);
});

it("more facts than can be asked for are refused", async () => {
  const many = Array.from({ length: 17 }, () => ["--metadata", "a=1"]).flat();
  expect(await type("members", ...many)).toMatchObject({ code: 2, stderr: expect.stringContaining("(cli-usage)") });
});

it("members --paths says how each is reached, through whom, how far it is, and why not better", async () => {
  const { stdout } = await type("members", "--paths");
  expect(stdout).toMatch(/^NAME +ID +PATH +BY +RTT +WHY NOT BETTER\n/);
  expect(stdout).toMatch(/\n- +aa1000000000 +relayed +bob \(b00000000000\) +12.3 ms *\n/);
  expect(stdout).toMatch(/\nbob +b00000000000 +none +- +- +Nobody answers there\.\n/);
  const [one, , bob] = JSON.parse((await type("members", "--paths", "--json")).stdout).sort(
    (a: { id: string }, b: { id: string }) => (a.id < b.id ? -1 : 1),
  );
  expect(one).toMatchObject({ path: "relayed", via: [bob.id], rttMs: 12.35, whyNotBetter: null });
  expect(bob).toMatchObject({ path: null, via: [], rttMs: null, whyNotBetter: "Nobody answers there." });
});

it("members --watch prints them at once, and says when the agent ends", async () => {
  client.list = [];
  const watching = type("members", "--watch", "--json");
  await once(client.events, "reader");
  await server.close();
  const { code, stdout, stderr } = await watching;
  expect(stdout.split("\n")[0]).toBe("[]");
  expect({ code, stderr }).toEqual({ code: 3, stderr: expect.stringContaining('"agent-stopped"') });
});

it("monitor tells names and metadata", async () => {
  client.list = [member("e", { name: "eva", metadata: { role: "worker" } })];
  const watching = type("monitor");
  await once(client.events, "reader");
  await server.close();
  expect((await watching).stdout).toMatch(/joined {5}eva +e00000000000 {2}127.0.0.1:8400 {2}\{"role":"worker"\}\n$/);
});

it("rings and info say names", async () => {
  expect((await type("rings")).stdout).toContain("1     bob (b00000000000)  aa1000000000");
  expect((await type("info")).stdout).toMatch(/^id +f0+\nname +fay\n/);
});

it("send takes a name, and lists candidates when several are meant", async () => {
  expect(await type("send", "bob", "hello")).toMatchObject({ code: 0, stdout: "hello\n" });
  expect(JSON.parse((await type("send", "fay", "to myself", "--json")).stdout)).toMatchObject({ name: "fay" });
  const several = await type("send", "aa", "hello");
  expect(several).toMatchObject({ code: 4, stdout: "" });
  for (const part of ["aa1000000000", "aa2000000000", "(id-ambiguous)"]) expect(several.stderr).toContain(part);
  const gone = await type("send", "dan", "hello");
  expect(gone).toMatchObject({ code: 4, stderr: expect.stringContaining("dan (d00000000000) is not live: it failed") });
});

it("status says on one screen how the agent is, and by its exit code whether it is in", async () => {
  const { code, stdout } = await type("status");
  expect(code).toBe(0);
  for (const part of [
    /^fay \(f00000000000\) is in, with 3 other members\n/,
    /\n {2}members +3 live, 0 of them suspected, 0 unreachable; 1 left or failed\n/,
    /\n {2}certificate +ended 1970-01-01 00:00Z\n/,
    /\n {2}agent +fireflies 1\.2\.3, process \d+ on /,
    /\n {2}alarm +\d s ago: alarm 30 \(alone\)\n/,
  ]) {
    expect(stdout).toMatch(part);
  }
  client.list = [];
  expect((await type("status")).stdout).toMatch(/^fay \(f0+\) runs, and nobody else is live/);
  client.isolated = { reason: "nobody", since: 0, until: undefined };
  expect((await type("status")).stderr).toMatch(/^error: .* is isolated: nobody\. .*cut off: check that they run/);
  client.isolated = { reason: "revoked", since: 0, until: undefined };
  const isolated = await type("status", "--json");
  expect(isolated).toMatchObject({ code: 1, stderr: expect.stringContaining('"isolated"') });
  expect(isolated.stderr).toMatch(/is revoked: enrol it again/);
  const status = JSON.parse(isolated.stdout);
  expect(status).toMatchObject({ state: "isolated", name: "fay", live: 0, departed: 1, version: "1.2.3" });
  expect(status.alarms).toHaveLength(20);
});

it("doctor says what others reach and what to do, and by its exit code whether something is to be done", async () => {
  const { code, stdout } = await type("doctor");
  expect(code).toBe(0);
  for (const part of [
    /^fay \(f00000000000\): nothing to do\n/,
    /\n *asked +bob \(b00000000000\) \(1 answered\)\n/,
    /\n *NAT +none: others see an address of this machine\n/,
    /\n *UDP +there and back: yes; from members that it has not written to: not tried\n/,
    /\n *clock +as theirs, to a second\n/,
    /\n *203\.0\.113\.7:8400 +tcp +bob \(b00000000000\): reached in 12 ms\n/,
    /\n *bob \(b00000000000\) +to 127\.0\.0\.1:8400 +1\.2 ms +- +203\.0\.113\.7:9 +-\n/,
  ])
    expect(stdout).toMatch(part);
  const problem = {
    level: "problem",
    code: "udp-blocked",
    message: "No datagram\u001b[2J comes back.",
    advice: "Let it.",
  } as const;
  client.report = { ...client.report, ok: false, findings: [problem, { ...problem, level: "note" }] };
  const sick = await type("doctor");
  expect(sick).toMatchObject({ code: 1, stderr: expect.stringMatching(/has one thing to do\. .*\(problems-found\)/) });
  expect(sick.stdout).toMatch(/\nproblem: No datagram.* comes back\. Let it\. \(udp-blocked\)\n\nnote: /);
  expect(sick.stdout).not.toContain("\u001b");
  const json = await type("doctor", "--json");
  expect([json.code, JSON.parse(json.stdout).findings[0].code]).toEqual([1, "udp-blocked"]);
});

it("ping says both round trips and the way, and fails when nothing comes back", async () => {
  expect(await type("ping", "bob", "--count", "1")).toMatchObject({
    code: 0,
    stdout: "bob (b00000000000)  UDP 0.42 ms (127.0.0.1:8401)  connection 12.3 ms (to 127.0.0.1:8400)\n",
  });
  const error = new FirefliesError("peer-unreachable", "127.0.0.1:8400 refused.");
  client.trip = {
    ...client.trip,
    udpMs: undefined,
    path: { direction: "accepted", address: "10.0.0.7:5" },
    connectMs: 120.4,
  };
  const blocked = await type("ping", "bob", "--count", "1");
  expect(blocked).toMatchObject({ code: 0, stdout: expect.stringContaining("UDP no answer (127.0.0.1:8401)") });
  expect(blocked.stdout).toContain("connection 12.3 ms (from 10.0.0.7:5, made in 120 ms)");
  client.trip = { ...client.trip, udpAddress: undefined, linkMs: undefined, error };
  const dead = await type("ping", "bob", "--count", "1");
  expect(dead).toMatchObject({ code: 1, stderr: expect.stringMatching(/bob \(b0+\) did not answer.* refused\./) });
  expect(dead.stdout).toBe("bob (b00000000000)  UDP: no address to send to  connection: 127.0.0.1:8400 refused.\n");
  expect(JSON.parse((await type("ping", "bob", "--count", "1", "--json")).stdout)).toMatchObject({
    id: idOf("b"),
    name: "bob",
    error: { code: "peer-unreachable" },
  });
});

it("commands find their agent as it finds its directory: by flag, variable, configuration, or the usual place", async () => {
  const [home, state] = [join(dir, "home"), join(dir, "state")];
  mkdirSync(home);
  writeFileSync(join(dir, "fireflies.yaml"), "dir: from-file\n");
  writeFileSync(join(dir, "other.yaml"), `dir: ${dir}\n`);
  writeFileSync(join(dir, "wrong.yaml"), "nonsense: 1\n");
  const found = async (cwd: string, args: readonly string[], env: Record<string, string> = {}) => {
    const { code, stderr } = await typed(["info", "--json", ...args], { cwd, env: { HOME: home, ...env } });
    if (code === 0) return dir;
    const { message } = JSON.parse(stderr).error as { readonly message: string };
    return /^There is no directory (\S+), and/.exec(message)?.[1] ?? message;
  };
  expect(await found(dir, ["--dir", "."])).toBe(dir);
  expect(await found(dir, [], { FIREFLIES_DIR: dir })).toBe(dir);
  expect(await found(dir, [])).toBe(join(dir, "from-file"));
  expect(await found(dir, ["--config", "other.yaml"])).toBe(dir);
  expect(await found(dir, [], { FIREFLIES_CONFIG: "other.yaml" })).toBe(dir);
  expect(await found(dir, ["--config", "other.yaml", "--dir", "flag"])).toBe(join(dir, "flag"));
  expect(await found(home, [])).toBe(join(home, ".local/state/fireflies/agent"));
  expect(await found(home, [], { XDG_STATE_HOME: state })).toBe(join(state, "fireflies/agent"));
  expect(await found(home, [], { FIREFLIES_DIR: "" })).toBe(join(home, ".local/state/fireflies/agent"));
  expect(await found(dir, ["--config", "wrong.yaml"])).toContain("nonsense");
  expect(await found(dir, ["--dir", ""])).toContain("It is empty");
});

it("join says who was found at the address", async () => {
  const { code, stdout } = await type("join", "127.0.0.1:9");
  expect({ code, stdout }).toEqual({
    code: 0,
    stdout: "bob (b00000000000) at 127.0.0.1:9 is in the view, which has 3 members besides the agent.\n",
  });
});

describe("of changes that come while the table is made", () => {
  /** A source that the test feeds; each value is read once the microtasks before it have run. */
  async function* told(values: readonly number[], failure?: Error) {
    for (const value of values) yield value;
    if (failure) throw failure;
  }

  async function readSlowly(source: AsyncIterable<number>): Promise<number[]> {
    const read: number[] = [];
    for await (const value of latest(source)) {
      read.push(value);
      await new Promise(setImmediate); // Meanwhile all the rest comes.
    }
    return read;
  }

  it("only the last is told, and it always is", async () => {
    const read = await readSlowly(told([1, 2, 3, 4, 5]));
    expect(read.length).toBeLessThan(4);
    expect(read.at(-1)).toBe(5);
    expect(await readSlowly(told([]))).toEqual([]);
  });

  it("a failure follows what came before it", async () => {
    const read: number[] = [];
    const reading = (async () => {
      for await (const value of latest(told([1, 2], new Error("cut off")))) {
        read.push(value);
        await new Promise(setImmediate);
      }
    })();
    await expect(reading).rejects.toThrow("cut off");
    expect(read.at(-1)).toBe(2);
  });
});
