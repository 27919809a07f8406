/**
 * What the README promises of a network of real processes with default settings: a crash, a pause, a dead authority, a
 * restart. Needs a build: `npm run build`. bench/processes.mjs measures the same with 30 members; here the machine may
 * be busy with other tests, so that every bound in milliseconds is twice the promised one.
 */
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, watch } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { decodeStatements, MEMBERS_FILE, MEMBERS_KIND } from "../../client/state/known-members.js";
import { remembered } from "../../client/state/recollection.js";
import { unseal } from "../../client/state/sealed.js";
import type { MemberId } from "../../rings/index.js";
import { RunningCommand, type Told } from "../support/command.js";

const MEMBERS = 5;
/** A machine with two cores and other tests on it. */
const BUSY = 2;
const REMOVED_MS = 5000 * BUSY;
const BACK_MS = 3000 * BUSY;
const DEADLINE_MS = 60_000;
/** For one thing to happen, whatever the machine does. */
const PATIENCE_MS = 30_000;
vi.setConfig({ testTimeout: DEADLINE_MS, hookTimeout: DEADLINE_MS });

interface Agent {
  readonly name: string;
  readonly command: RunningCommand;
  readonly id: string;
}

let root: string;
let ca: RunningCommand;
let listening: Told;
let agents: Agent[] = [];
const running: RunningCommand[] = [];

function begin(...args: readonly string[]): RunningCommand {
  const started = new RunningCommand(args, { cwd: root });
  running.push(started);
  return started;
}

async function start(name: string): Promise<Agent> {
  const { url, fingerprint } = listening as Told & { url: string; fingerprint: string };
  const command = begin(
    "agent",
    "--dir",
    join(root, name),
    "--ca",
    url,
    "--ca-fingerprint",
    fingerprint,
    "--name",
    name,
  );
  return { name, command, id: String((await command.event("ready")).id) };
}

/** Live members by what the agent has told. */
function viewOf({ command }: Agent): Set<string> {
  const view = new Set<string>();
  for (const { event, id } of command.told) {
    if (event === "joined") view.add(String(id));
    if (event === "left" || event === "failed") view.delete(String(id));
  }
  return view;
}

/** Resolves when the condition holds for every one of them; else says what they saw. */
async function all(watchers: readonly Agent[], condition: (view: Set<string>) => boolean): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new Error(`not in time; they told:\n${[...watchers, ...agents].map(story).join("\n")}`)),
      PATIENCE_MS,
    );
  });
  const seen = watchers.map((agent) => agent.command.until(() => condition(viewOf(agent))));
  await Promise.race([Promise.all(seen), late]).finally(() => clearTimeout(timer));
}

/** Has others on disk. Whoever is killed while its disk still writes the first of them knows nobody to come back to. */
function isCompanySaved({ name, id }: Agent): boolean {
  try {
    const file = unseal(MEMBERS_KIND, readFileSync(join(root, name, MEMBERS_FILE)));
    const statements = file.ok ? decodeStatements(file.content) : undefined;
    return remembered(statements ?? [], id as MemberId).others > 0;
  } catch {
    return false; // Not there yet.
  }
}

/** Seconds, on a disk that has a fresh installation to write. */
async function companySaved(agent: Agent): Promise<void> {
  const changes = watch(join(root, agent.name));
  const signal = AbortSignal.timeout(PATIENCE_MS);
  try {
    while (!isCompanySaved(agent)) await once(changes, "change", { signal });
  } finally {
    changes.close();
  }
}

function story({ name, command }: Agent): string {
  const told = command.told.map(({ event, id, code }) => `${event} ${String(id ?? code ?? "").slice(0, 8)}`);
  return `${name} ${command.stderr} ${told.join(", ")}`;
}

const whole = () =>
  Promise.all(
    agents.map((agent) =>
      all(
        [agent],
        (view) => agents.every(({ id }) => id === agent.id || view.has(id)) && view.size === agents.length - 1,
      ),
    ),
  );

const removals = (id: string) =>
  agents.flatMap(({ command }) => command.told.filter((told) => told.event === "failed" && told.id === id));

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), "ff-processes-"));
  ca = begin("ca", "--dir", join(root, "ca"), "--port", "0", "--open");
  listening = await ca.event("listening");
  agents = await Promise.all(Array.from({ length: MEMBERS }, (_, index) => start(`m${index}`)));
  await whole();
});

afterAll(async () => {
  for (const { pid } of running) resume(pid);
  await Promise.all(running.map((each) => each.end("SIGKILL")));
  rmSync(root, { recursive: true, force: true });
});

function resume(pid: number): void {
  try {
    process.kill(pid, "SIGCONT");
  } catch {
    // It has ended.
  }
}

describe("a network of processes", () => {
  let victim: Agent;

  it("removes a member that was killed from all views within 5 s", async () => {
    [victim, ...agents] = agents as [Agent, ...Agent[]];
    await companySaved(victim);
    const startedAt = performance.now();
    await victim.command.end("SIGKILL");
    await all(agents, (view) => !view.has(victim.id));
    expect(performance.now() - startedAt).toBeLessThan(REMOVED_MS);
    expect(removals(victim.id).length).toBe(agents.length);
    for (const agent of agents) expect(viewOf(agent).size).toBe(agents.length - 1);
  });

  it("removes nobody for a pause of 2 s, nor when the authority is killed", async () => {
    const before = agents.map(({ command }) => command.told.length);
    const [paused] = agents as [Agent];
    await ca.end("SIGKILL");
    process.kill(paused.command.pid, "SIGSTOP");
    await delay(2000);
    resume(paused.command.pid);
    // That nothing happens has no event. A removal would take an accusation and 2 Delta, 3 s, from the pause on.
    await delay(5000);
    const kinds = agents.flatMap(({ command }, index) => command.told.slice(before[index]).map(({ event }) => event));
    expect(kinds.filter((kind) => kind === "failed" || kind === "left" || kind === "isolated")).toEqual([]);
    await whole();
  });

  it("has a restarted member back in all views within 3 s, under its id, with the authority still away", async () => {
    const again = await start(victim.name);
    const readyAt = performance.now();
    expect(again.id).toBe(victim.id);
    agents.push(again);
    await whole();
    expect(performance.now() - readyAt).toBeLessThan(BACK_MS);
  });

  it("sees a member that is told to end as one that left", async () => {
    const leaver = agents.pop()!;
    const told = agents.map(({ command }) => command.until(({ event, id }) => event === "left" && id === leaver.id));
    expect(await leaver.command.end("SIGTERM")).toBe(0);
    await Promise.all(told);
    expect(agents.map(viewOf).map(({ size }) => size)).toEqual(agents.map(() => agents.length - 1));
  });

  it("has said nothing on stderr", () => {
    for (const { command } of agents) expect(command.stderr).toBe("");
  });
});
