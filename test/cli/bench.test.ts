/** `fireflies bench` as real processes with real agents. Needs a build: `npm run build`. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { command, RunningCommand, type Told } from "../support/command.js";

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

let root: string;
let listening: Told;
let ann: RunningCommand;
let bob: RunningCommand;
const running: RunningCommand[] = [];

function begin(...args: string[]): RunningCommand {
  const started = new RunningCommand(args, { cwd: root });
  running.push(started);
  return started;
}

async function agent(name: string): Promise<RunningCommand> {
  const open = ["--ca", String(listening.url), "--ca-fingerprint", String(listening.fingerprint), "--name", name];
  const started = begin("agent", "--dir", join(root, name), "--listen", "127.0.0.1:0", "--preset", "local", ...open);
  await started.event("ready");
  return started;
}

const bench = (...args: string[]) => command(["bench", "--dir", join(root, "ann"), ...args], { cwd: root });

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), "ff-bench-"));
  listening = await begin("ca", "--dir", join(root, "ca"), "--port", "0", "--open").event("listening");
  [ann, bob] = await Promise.all([agent("ann"), agent("bob")]);
  await ann.until((told) => told.event === "joined" && told.name === "bob");
});

afterAll(async () => {
  await Promise.all(running.map((each) => each.end("SIGKILL")));
  rmSync(root, { recursive: true, force: true });
});

it("says what to do when the other member serves none", async () => {
  const { code, stderr } = await bench("bob");
  expect(stderr).toMatch(/bob \(\w+\) does not let itself be measured\. Run `fireflies bench --serve` there/);
  expect(code).not.toBe(0);
});

it.each([
  [[], /Measuring needs a member\. Name one, or give --serve/],
  [["nobody"], /nobody/],
  [["bob", "--seconds", "61"], /number from 0\.1 to 60/],
  [["bob", "--serve"], /--serve waits for others/],
])("refuses %j", async (args, words) => {
  const { code, stderr } = await bench(...args);
  expect(stderr).toMatch(words);
  expect(code).not.toBe(0);
});

it("measures with a member that serves it, and is told when that one is killed in the middle", async () => {
  const serving = begin("bench", "--dir", join(root, "bob"), "--serve");
  await serving.event("measurable");
  const { code, stdout, stderr } = await bench("bob", "--seconds", "0.2", "--json");
  expect(stderr).toBe("");
  expect(code).toBe(0);
  const told = stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  expect(told.map(({ event, inFlight, direction }) => inFlight ?? direction ?? event)).toEqual([
    1,
    50,
    "up",
    "down",
    "path",
  ]);
  const { stdout: text } = await bench("bob", "--seconds", "0.2");
  expect(text).toMatch(
    /one at a time +\d+\/s, p50 .+\n.*50 in flight.*\nstream up +.* MiB\/s\nstream down .*\npath +(direct|reversed)/,
  );

  const long = begin("bench", "--dir", join(root, "ann"), "bob", "--seconds", "2");
  await long.event("messages");
  await bob.end("SIGKILL");
  expect(await long.end()).not.toBe(0);
});
