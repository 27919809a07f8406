/**
 * `fireflies forward`, `listen`, `proxy`, `accept` and `dial` as real processes against real agents, with programs at both ends
 * that know nothing of members. Needs a build: `npm run build`.
 */
import { mkdtempSync, readFileSync, realpathSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from "vitest";
import { command, type Outcome, RunningCommand, type Told } from "../support/command.js";
import { echo, Target, Visitor } from "../support/local-programs.js";
import { Stage } from "../support/network.js";
import { typed } from "../support/typed.js";

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

const CONNECTIONS = 100;
/**
 * Milliseconds until the last of them is over. A quiet machine needs less than two seconds, and `WITHIN_MS=2000` says so, as
 * `npm run nightly` does; beside busy processes it takes what they leave.
 */
const WITHIN_MS = Number(process.env.WITHIN_MS ?? 20_000);

let root: string;
let listening: Told;
let ann: RunningCommand;
let bob: RunningCommand;
const running: RunningCommand[] = [];
const stage = new Stage();

const dir = (name: string) => join(root, name);
const run = (args: readonly string[], input = "") => command(args, { cwd: root, input });

function begin(...args: string[]): RunningCommand {
  const started = new RunningCommand(args, { cwd: root });
  running.push(started);
  return started;
}

async function agent(name: string, ...more: string[]): Promise<RunningCommand> {
  const open = ["--ca", String(listening.url), "--ca-fingerprint", String(listening.fingerprint), "--name", name];
  const started = begin("agent", "--dir", dir(name), "--listen", "127.0.0.1:0", "--preset", "local", ...open, ...more);
  await started.event("ready");
  return started;
}

const isNear = (services: unknown) => (services as readonly string[]).includes("/x/near");
const knows = (from: RunningCommand, name: string) =>
  from.until((told) => told.event === "joined" && told.name === name);

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), "ff-forward-"));
  listening = await begin("ca", "--dir", dir("ca"), "--port", "0", "--open").event("listening");
  [ann, bob] = await Promise.all([agent("ann"), agent("bob")]);
  await Promise.all([knows(ann, "bob"), knows(bob, "ann")]);
});

afterAll(async () => {
  await Promise.all(running.map((each) => each.end("SIGKILL")));
  await stage[Symbol.asyncDispose]();
  rmSync(root, { recursive: true, force: true });
});

/** Bob forwards to a target, ann listens for him. */
async function joined(target: string, protocol: string, ...more: string[]) {
  const there = begin("forward", "--dir", dir("bob"), "--target", target, "--protocol", protocol, ...more);
  expect(await there.event("forwarding")).toMatchObject({ protocol, target });
  const here = begin("listen", "--dir", dir("ann"), "--to", "bob", "--protocol", protocol, "--listen", "127.0.0.1:0");
  const { address } = await here.event("listening");
  return { there, here, address: String(address) };
}

describe("forward and listen", () => {
  it("carry what a program says, and the end of either direction, until they are told to end", async () => {
    const target = await Target.of(stage, (socket) => {
      let all = "";
      socket.on("data", (chunk) => {
        all += chunk;
      });
      socket.once("end", () => socket.end(`heard: ${all}`));
    });
    const { there, here, address } = await joined(target.address, "/x/says");
    const visitor = await Visitor.to(stage, address);
    visitor.socket.end("hello");
    expect(await visitor.whole).toBe("heard: hello");
    expect([await there.end("SIGINT"), await here.end("SIGTERM")]).toEqual([0, 0]);
    await expect(Visitor.to(stage, address)).rejects.toMatchObject({ code: "ECONNREFUSED" });
  });

  it("mean their own directory by a relative path of a socket, wherever the agent runs", async () => {
    const there = begin("forward", "--dir", dir("bob"), "--target", "unix:near.sock", "--protocol", "/x/relative");
    expect(await there.event("forwarding")).toMatchObject({ target: `unix:${join(realpathSync(root), "near.sock")}` });
    expect(await there.end("SIGINT")).toBe(0);
  });

  it.each([
    ["--udp", "--target", "unix:/run/x.sock", "--protocol", "/x"],
    ["--udp", "--target", "tcp://127.0.0.1:53"],
    ["--udp", "--target", "/ip4/127.0.0.1/tcp/53"],
  ])("refuse to carry datagrams to what takes none: %s %s %s", async (...args) => {
    const { code, stderr } = await typed(["forward", "--dir", dir("bob"), ...args], { cwd: root });
    expect({ code, stderr }).toMatchObject({ code: 2, stderr: expect.stringContaining("(cli-usage)") });
  });

  it("do not leave a proxy to the agent without the password that it was to have", async () => {
    const args = ["proxy", "--dir", dir("ann"), "--listen", "127.0.0.1:0", "--user", "bob"];
    const env = { FIREFLIES_PROXY_PASSWORD: "secret" };
    const { code, stderr } = await typed([...args, "--detach"], { cwd: root, env });
    expect({ code, stderr }).toMatchObject({ code: 2, stderr: expect.stringContaining("--password-file") });
    const alone = await typed(args, { cwd: root });
    expect(alone).toMatchObject({ code: 1, stderr: expect.stringContaining("(access-invalid)") });
  });

  it("say that the member is not there yet, with the nearest name", async () => {
    const here = begin("listen", "--dir", dir("ann"), "--to", "bobb", "--protocol", "/x", "--listen", "127.0.0.1:0");
    expect((await here.event("listening")).missing).toMatch(/called "bobb".*Did you mean bob\?$/);
    await here.end("SIGINT");
    const there = begin("forward", "--dir", dir("bob"), "--target", "127.0.0.1:1", "--protocol", "/x/near");
    await there.event("forwarding");
    await ann.until(({ event, name, services = [] }) => event === "updated" && name === "bob" && isNear(services));
    const to = ["--to", "service:/x/neer", "--protocol", "/x/near"];
    const other = begin("listen", "--dir", dir("ann"), ...to, "--listen", "127.0.0.1:0");
    expect((await other.event("listening")).missing).toBe('No live member offers "/x/neer". Did you mean /x/near?');
    await Promise.all([other.end("SIGINT"), there.end("SIGINT")]);
  });

  it("refuse who may not, and the agent says who tried", async () => {
    const target = await Target.of(stage, echo);
    const { address, there } = await joined(target.address, "/x/closed", "--allow", "carl");
    expect(await (await Visitor.to(stage, address)).ended).toBe("ECONNRESET");
    const refused = { event: "refused", name: "ann", protocol: "/x/closed", code: "peer-refused" };
    expect(await there.event("refused")).toMatchObject(refused);
    expect(await bob.event("refused")).toMatchObject({ ...refused, level: "warn" });
    const dialled = await run(["dial", "bob", "--dir", dir("ann"), "--protocol", "/x/closed"]);
    expect(dialled).toMatchObject({ code: 1, stderr: expect.stringContaining("peer-refused") });
  });

  it("are among the services and in the graph while their command runs, which ends when they are removed", async () => {
    const target = await Target.of(stage, echo);
    const { there, here, address } = await joined(target.address, "/x/held");
    const visitor = await Visitor.to(stage, address);
    visitor.socket.write("hello");
    await visitor.got(5);
    const at = `/x/held to ${target.address}`;
    const list = async (name: string): Promise<Told[]> =>
      JSON.parse((await run(["services", "--dir", dir(name), "--json"])).stdout);
    const ofBob = async () => (await list("bob")).find((each) => each.at === at);
    const ofAnn = async () => (await list("ann")).find((each) => each.at === address);
    const held = await ofBob();
    expect(held).toMatchObject({ kind: "forward", state: "running", held: true, streams: 1, bytesOut: 5 });
    expect(held?.id).toMatch(/^forward:\d+$/);
    expect(await ofAnn()).toMatchObject({ kind: "listen", streams: 1 });
    const graph = JSON.parse((await run(["graph", "--dir", dir("bob"), "--json"])).stdout);
    expect(graph.controllers).toContainEqual(expect.objectContaining({ name: held?.id, at, streams: 1 }));
    const removed = await run(["services", "remove", String(held?.id), "--dir", dir("bob")]);
    expect(removed).toMatchObject({ code: 0, stderr: "" });
    expect(await there.end()).toBe(130);
    expect(await visitor.ended).toBe("ECONNRESET");
    await here.end("SIGINT");
    expect([await ofBob(), await ofAnn()]).toEqual([undefined, undefined]);
  });

  it("are not found by asking for many names, and the agent says who asked", async () => {
    for (let port = 1; port <= 7; port++) {
      const dialled = await run(["dial", "bob", "--dir", dir("ann"), "--protocol", `/tcp/${port}`]);
      expect(dialled).toMatchObject({ code: 1, stderr: expect.stringContaining("handler-missing") });
    }
    const sent = await run(["send", "bob", "x", "--service", "inventory", "--dir", dir("ann")]);
    expect(sent).toMatchObject({ code: 1, stderr: expect.stringContaining("handler-missing") });
    const told = bob.told.filter(({ event, code }) => event === "refused" && code === "handler-missing");
    expect(told[0]).toMatchObject({
      level: "warn",
      name: "ann",
      protocol: expect.stringMatching("/tcp/"),
      attempts: 1,
    });
    expect(told.length).toBeLessThanOrEqual(6);
  });

  it("are kept in a file of the agent's directory, which it has none of, when it has no other", async () => {
    const target = await Target.of(stage, echo);
    const gus = await agent("gus");
    const kept = await run(["forward", "--dir", dir("gus"), "--detach", "--target", target.address, "--json"]);
    expect(kept).toMatchObject({ code: 0, stderr: "" });
    const file = join(dir("gus"), "fireflies.yaml");
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(readFileSync(file, "utf8")).toContain(target.address);
    const reloaded = await run(["reload", "--dir", dir("gus"), "--json"]);
    expect(JSON.parse(reloaded.stdout)).toMatchObject({ services: { kept: ["forward-1"] }, nextStart: [] });
    await gus.end("SIGTERM");
    const again = await agent("gus");
    const listed = JSON.parse((await run(["services", "--dir", dir("gus"), "--json"])).stdout);
    expect(listed).toEqual([expect.objectContaining({ id: "forward-1", state: "running" })]);
    await again.end("SIGTERM");
  });

  it("stay with the agent when they are detached, also over its next start, and it says who tried", async () => {
    const target = await Target.of(stage, echo);
    const settings = ["--target", target.address, "--protocol", "/x/kept", "--allow", "ann"];
    const file = join(root, "fred.yaml");
    writeFileSync(file, "metadata: {}\n");
    const first = await agent("fred", "--config", file);
    const kept = await run(["forward", "--dir", dir("fred"), "--detach", "--id", "kept", ...settings, "--json"]);
    expect(kept).toMatchObject({ code: 0, stderr: "" });
    expect(JSON.parse(kept.stdout)).toMatchObject({ id: "kept", kind: "forward", state: "running" });
    await first.end("SIGTERM");
    const fred = await agent("fred", "--config", file);
    await Promise.all([knows(fred, "ann"), knows(fred, "bob")]);
    await ann.until((told) => told.event === "joined" && told.name === "fred");
    const through = await run(["dial", "fred", "--dir", dir("ann"), "--protocol", "/x/kept"], "hello");
    expect(through).toMatchObject({ code: 0, stdout: "hello" });
    await bob.until((told) => told.event === "joined" && told.name === "fred");
    const refused = await run(["dial", "fred", "--dir", dir("bob"), "--protocol", "/x/kept"], "hello");
    expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining("peer-refused") });
    expect(await fred.event("refused")).toMatchObject({ name: "bob", protocol: "/x/kept" });
    await fred.end("SIGTERM");
  });

  it.each<[readonly string[], number, string]>([
    [["forward", "--target", "nowhere"], 1, "address-invalid"],
    [["forward", "--target", "unix:/run/app.sock"], 1, "address-invalid"],
    [["forward", "--target", "8000", "--allow", "a b"], 1, "access-invalid"],
    [["listen", "--to", "bob", "--protocol", "/x", "--listen", "127.0.0.1"], 1, "address-invalid"],
    [["proxy", "--listen", "0.0.0.0:0"], 1, "access-invalid"],
    [["forward"], 2, "cli-usage"],
    [["dial", "nobody", "--protocol", "/x"], 4, "id-unknown"],
    [["dial", "bob", "--protocol", "/nothing"], 1, "handler-missing"],
  ])("%j ends with %i and %s", async (args, code, name) => {
    const ended = await run([...args, "--dir", dir("ann")]);
    expect(ended).toMatchObject({ code, stderr: expect.stringContaining(name) });
  });
});

describe("accept and dial", () => {
  it("join standard input and output of two machines", async () => {
    const accepted = run(["accept", "--dir", dir("bob"), "--protocol", "/x/pipe", "--json"], "from bob");
    const ended = await dialled("/x/pipe", "from ann");
    expect(ended).toMatchObject({ code: 0, stdout: "from bob" });
    expect(JSON.parse(ended.stderr)).toMatchObject({ event: "open", name: "bob", protocol: "/x/pipe" });
    const taken = await accepted;
    expect(taken).toMatchObject({ code: 0, stdout: "from ann" });
    expect(JSON.parse(taken.stderr)).toMatchObject({ event: "open", name: "ann", protocol: "/x/pipe" });
  });

  /** Again until the one that accepts is there: before, nobody handles the protocol. */
  async function dialled(protocol: string, input: string): Promise<Outcome> {
    for (;;) {
      const ended = await run(["dial", "bob", "--dir", dir("ann"), "--protocol", protocol, "--json"], input);
      if (!ended.stderr.includes("handler-missing")) return ended;
    }
  }
});

describe("proxy", () => {
  it("leads to members by their names, and nowhere else", async () => {
    const target = await Target.of(stage, echo);
    begin("forward", "--dir", dir("bob"), "--target", target.address, "--protocol", "/x/echo");
    await running.at(-1)!.event("forwarding");
    const proxy = begin("proxy", "--dir", dir("ann"), "--listen", "127.0.0.1:0", "--map", "7=/x/echo");
    const { address } = await proxy.event("listening");
    const visitor = await Visitor.to(stage, String(address));
    visitor.socket.end("CONNECT bob.fireflies:7 HTTP/1.1\r\n\r\nhello");
    expect(await visitor.whole).toMatch(/ 200 .*\r\n\r\nhello$/s);
    const other = await Visitor.to(stage, String(address));
    other.socket.write("CONNECT example.com:443 HTTP/1.1\r\n\r\n");
    expect(await other.whole).toMatch(/^HTTP\/1.1 403 /);
  });
});

describe(`in the middle of ${CONNECTIONS} connections`, () => {
  async function crowd(address: string): Promise<Visitor[]> {
    const visitors = await Promise.all(Array.from({ length: CONNECTIONS }, () => Visitor.to(stage, address)));
    for (const { socket } of visitors) socket.write("hello");
    await Promise.all(visitors.map((visitor) => visitor.got(5)));
    return visitors;
  }

  /** All are over in time; by a reset where it says so, else in whatever way a dead process leaves them. */
  async function over(visitors: readonly Visitor[], isReset: boolean): Promise<void> {
    const since = performance.now();
    const ends = await Promise.all(
      visitors.map(({ ended, whole }) => Promise.race(isReset ? [ended] : [ended, whole])),
    );
    expect(performance.now() - since).toBeLessThan(WITHIN_MS);
    if (isReset) expect(new Set(ends)).toEqual(new Set(["ECONNRESET"]));
  }

  it("a killed target resets them, and is found again when it is back", async () => {
    const target = await Target.of(stage, echo);
    const { port } = target;
    const { address } = await joined(target.address, "/x/target");
    const visitors = await crowd(address);
    target.kill();
    await over(visitors, true);
    await Target.of(stage, echo, port);
    await crowd(address);
  });

  it("a killed agent that forwards resets them, and is found again when it is back", async () => {
    const target = await Target.of(stage, echo);
    const carl = await agent("carl");
    onTestFinished(() => void carl.end("SIGKILL"));
    await knows(ann, "carl");
    const forwarding = () =>
      begin("forward", "--dir", dir("carl"), "--target", target.address, "--protocol", "/x/killed").event("forwarding");
    await forwarding();
    const here = begin(
      "listen",
      "--dir",
      dir("ann"),
      "--to",
      "carl",
      "--protocol",
      "/x/killed",
      "--listen",
      "127.0.0.1:0",
    );
    const address = String((await here.event("listening")).address);
    const visitors = await crowd(address);
    await carl.end("SIGKILL");
    await over(visitors, true);
    const again = await agent("carl");
    onTestFinished(() => void again.end("SIGKILL"));
    await knows(again, "ann");
    await forwarding();
    for (;;) {
      const visitor = await Visitor.to(stage, address);
      visitor.socket.end("back");
      if ((await Promise.race([visitor.whole, visitor.ended])) === "back") break;
    }
    await crowd(address);
  });

  it("an agent that says nothing any more, as behind a way that is gone, resets them", async () => {
    const target = await Target.of(stage, echo);
    const eve = await agent("eve");
    await knows(ann, "eve");
    begin("forward", "--dir", dir("eve"), "--target", target.address, "--protocol", "/x/silent");
    await running.at(-1)!.event("forwarding");
    const here = begin(
      "listen",
      "--dir",
      dir("ann"),
      "--to",
      "eve",
      "--protocol",
      "/x/silent",
      "--listen",
      "127.0.0.1:0",
    );
    const visitors = await crowd(String((await here.event("listening")).address));
    process.kill(eve.pid, "SIGSTOP");
    await over(visitors, true);
    await eve.end("SIGKILL");
  });

  it("a killed agent that listens ends them at the target as well", async () => {
    const target = await Target.of(stage, echo);
    const dora = await agent("dora");
    await knows(dora, "bob");
    await knows(bob, "dora");
    begin("forward", "--dir", dir("bob"), "--target", target.address, "--protocol", "/x/heard");
    await running.at(-1)!.event("forwarding");
    const here = begin(
      "listen",
      "--dir",
      dir("dora"),
      "--to",
      "bob",
      "--protocol",
      "/x/heard",
      "--listen",
      "127.0.0.1:0",
    );
    const visitors = await crowd(String((await here.event("listening")).address));
    const targets = target.sockets.map((socket) => new Promise<void>((closed) => socket.once("close", () => closed())));
    await dora.end("SIGKILL");
    await over(visitors, false);
    const since = performance.now();
    await Promise.all(targets);
    expect(performance.now() - since).toBeLessThan(WITHIN_MS);
  });
});
