/**
 * A network of real processes, default settings: how fast views are whole, and what a crash, a stopped process, a dead
 * authority and a restart do. What a quiet network costs is in the rows steady-bytes and steady-cpu of bench/index.mjs.
 *
 *   node bench/processes.mjs [--members 30] [--json]
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { Process, until } from "./process.mjs";

const NOBODY_FOR_MS = 6000;

const { values } = parseArgs({
  options: {
    members: { type: "string", default: "30" },
    json: { type: "boolean", default: false },
  },
});

const isWhole = (members) => members.every((one) => members.every((other) => other === one || one.view.has(other.id)));
const ms = (value) => Math.round(value);

class Network {
  static async start(count) {
    const network = new Network();
    network.dir = await mkdtemp(join(tmpdir(), "fireflies-bench-"));
    network.ca = new Process("ca", ["ca", "--dir", join(network.dir, "ca"), "--port", "0", "--open"]);
    network.listening = await network.ca.event("listening");
    network.members = [];
    for (let index = 0; index < count; index++) network.members.push(network.spawn(`m${index}`));
    await Promise.all(network.members.map((one) => one.event("ready")));
    return network;
  }

  spawn(name) {
    const { url, fingerprint } = this.listening;
    const dir = join(this.dir, name);
    const args = ["--ca", url, "--ca-fingerprint", fingerprint, "--name", name];
    return new Process(name, ["agent", "--dir", dir, ...args]);
  }

  async stop() {
    await Promise.all([...this.members, this.ca].map((one) => one.end("SIGKILL")));
    await rm(this.dir, { recursive: true, force: true });
  }
}

async function stories(count) {
  const network = await Network.start(count);
  try {
    const { members } = network;
    const ready = Math.max(...members.map((one) => one.readyAt));
    await until(members, () => isWhole(members), "views whole");
    tell(
      "views whole after the last one is ready",
      ms(Math.max(0, Math.max(...members.map((one) => one.changedAt)) - ready)),
    );
    await settled();
    tellStart(members);
    await killOne(network);
    await settled();
    await stopOne(network, 2000);
    await killAuthority(network);
    await restartOne(network);
  } finally {
    await network.stop();
  }
}

/** Nobody has died yet: every one of these is a mistake of the failure detector. */
function tellStart(members) {
  for (const event of ["suspected", "failed"]) {
    const count = members.reduce((sum, { log }) => sum + log.filter((entry) => entry.event === event).length, 0);
    tell(`while starting: "${event}", in all views together`, count, "times");
  }
}

async function killOne({ members }) {
  const [victim, ...others] = members;
  const start = performance.now();
  await victim.end("SIGKILL");
  await until(others, () => others.every((one) => !one.view.has(victim.id)), "removal from all views");
  const at = others.map(
    (one) => one.log.find((entry) => entry.event === "failed" && entry.id === victim.id).at - start,
  );
  tell("kill -9: removed by the first", ms(Math.min(...at)));
  tell("kill -9: removed by all", ms(Math.max(...at)));
  members.shift();
  members.victim = victim;
}

async function stopOne({ members }, forMs) {
  const [stopped] = members;
  stopped.child.kill("SIGSTOP");
  await new Promise((resolve) => setTimeout(resolve, forMs));
  stopped.child.kill("SIGCONT");
  await new Promise((resolve) => setTimeout(resolve, NOBODY_FOR_MS));
  const failed = members.flatMap((one) =>
    one.log.filter((entry) => entry.event === "failed" && entry.id === stopped.id),
  );
  tell(`stopped for ${forMs} ms: removed by`, failed.length, "members");
  const suspected = members.flatMap((one) =>
    one.log.filter((entry) => entry.event === "suspected" && entry.id === stopped.id),
  );
  tell(`stopped for ${forMs} ms: suspected by`, suspected.length, "members");
}

async function killAuthority({ ca, members }) {
  const before = members.map((one) => one.log.length);
  await ca.end("SIGKILL");
  await new Promise((resolve) => setTimeout(resolve, NOBODY_FOR_MS));
  tell(
    "authority killed: changes in any view",
    members.reduce((sum, one, index) => sum + one.log.length - before[index], 0),
    "changes",
  );
}

async function restartOne(network) {
  const { members } = network;
  const { victim } = members;
  const again = network.spawn(victim.name);
  network.members.push(again);
  const start = performance.now();
  await again.event("ready");
  tell("restart, authority away: same id", again.id === victim.id ? 1 : 0, "(1 = yes)");
  await until(members, () => isWhole(members), "back in all views");
  tell("restart: ready after", ms(again.readyAt - start));
  tell("restart: back in all views after start", ms(Math.max(...members.map((one) => one.changedAt)) - start));
  tell(
    "restart: back in all views after ready",
    ms(Math.max(0, Math.max(...members.map((one) => one.changedAt)) - again.readyAt)),
  );
}

const settled = () => new Promise((resolve) => setTimeout(resolve, 5000));

function tell(what, value, unit = "ms") {
  console.log(values.json ? JSON.stringify({ what, value: Number(value), unit }) : `${what}: ${value} ${unit}`);
}

await stories(Number(values.members));
