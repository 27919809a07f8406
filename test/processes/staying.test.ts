/**
 * Real processes that stand still, and whose machines sleep. Needs a build: `npm run build`. `node bench/staying.mjs` does the
 * same with default settings, and prints how long each thing took.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { command, RunningCommand, type Told } from "../support/command.js";
import { faked, NO_FAKETIME, setClock } from "../support/faketime.js";

const DEADLINE_MS = 60_000;
/** Removals take twice this, and the wait of rule R13 twenty times this. */
const DELTA_S = "0.5";
vi.setConfig({ testTimeout: DEADLINE_MS, hookTimeout: DEADLINE_MS });

let root: string;
let clock: string;
let env: Readonly<Record<string, string>>;
let listening: Told;
const running: RunningCommand[] = [];
let agents: { readonly name: string; readonly id: string; readonly command: RunningCommand }[] = [];

function begin(...args: readonly string[]): RunningCommand {
  const started = new RunningCommand(args, { cwd: root, env });
  running.push(started);
  return started;
}

async function start(name: string) {
  const place = ["--ca", String(listening.url), "--ca-fingerprint", String(listening.fingerprint), "--name", name];
  const command = begin("agent", "--dir", join(root, name), ...place, "--preset", "local");
  return { name, command, id: String((await command.event("ready")).id) };
}

const joined = (id: string) => (told: Told) => told.event === "joined" && told.id === id;
/** What it was told of itself, from the event with this index on. */
const fates = (told: readonly Told[], from = 0) =>
  told
    .slice(from)
    .flatMap(({ event, reason }) => (event === "isolated" || event === "back" ? [`${event} ${reason}`] : []));

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), "ff-staying-"));
  clock = join(root, "clock");
  env = faked(clock);
  const ca = begin("ca", "--dir", join(root, "ca"), "--port", "0", "--open", "--delta", DELTA_S, "--num-rings", "5");
  listening = await ca.event("listening");
  agents = [await start("ann"), await start("bob"), await start("cyn")];
  for (const one of agents) for (const other of agents) if (other !== one) await one.command.until(joined(other.id));
});

afterAll(async () => {
  await Promise.all(running.map((each) => each.end("SIGKILL")));
  rmSync(root, { recursive: true, force: true });
});

describe("a process that is stopped until the others have removed it", () => {
  it("is told that it was out, and that it is back; the second time that it waits, and until when", async () => {
    const [ann, bob, cyn] = agents as [(typeof agents)[0], (typeof agents)[0], (typeof agents)[0]];
    const failed = (count: number) => (told: Told) =>
      told.event === "failed" && told.id === bob.id && timesFailed(told) === count;
    const timesFailed = (last: Told) =>
      ann.command.told.slice(0, ann.command.told.indexOf(last) + 1).filter(isFailure).length;
    const isFailure = ({ event, id }: Told) => event === "failed" && id === bob.id;
    for (const [round, expected] of [["isolated removed", "back removed"], ["isolated waiting"]].entries()) {
      const from = bob.command.told.length;
      process.kill(bob.command.pid, "SIGSTOP");
      await ann.command.until(failed(round + 1));
      process.kill(bob.command.pid, "SIGCONT");
      await bob.command.until(() => expected.every((fate) => fates(bob.command.told, from).includes(fate)));
    }
    const waiting = bob.command.told.findLast(({ event }) => event === "isolated")!;
    expect(Number(waiting.until)).toBeGreaterThan(Date.parse(String(waiting.time)));
    const info = await command(["info", "--dir", join(root, "bob"), "--json"], { cwd: root, env });
    expect(JSON.parse(info.stdout).isolated).toMatchObject({ reason: "waiting", until: waiting.until });
    expect(fates(cyn.command.told)).toEqual([]);
  });
});

describe.skipIf(NO_FAKETIME)("machines that sleep for three hours (needs libfaketime)", () => {
  it("believe their clocks when they wake up, and take in a newcomer", async () => {
    setClock(clock, "+3h");
    const dan = await start("dan");
    for (const { command } of agents) await command.until(joined(dan.id));
    for (const { name } of agents) {
      const info = await command(["info", "--dir", join(root, name), "--json"], { cwd: root, env });
      expect(JSON.parse(info.stdout).clock).toBe("steady");
    }
  });
});
