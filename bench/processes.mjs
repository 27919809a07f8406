/**
 * A network of real processes, default settings: how fast views are whole, what a crash, a stopped process, a dead
 * authority and a restart do, and what a quiet network costs.
 *
 *   node bench/processes.mjs [--members 30] [--json]        stories
 *   node bench/processes.mjs --steady 10,30,50 [--seconds 60] [--warm-up 180]   bytes, CPU and memory per member
 *
 * Bytes are those of the loopback interface, headers included: run it in a network namespace of its own
 * (`unshare --net sh -c 'ip link set lo up && ...'`), or on an otherwise quiet machine.
 */
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { Process, until } from "./process.mjs";

const NOBODY_FOR_MS = 6000;

const { values } = parseArgs({
  options: {
    members: { type: "string", default: "30" },
    steady: { type: "string" },
    seconds: { type: "string", default: "60" },
    // Until most links stand: a new one costs as many bytes as minutes of quiet.
    "warm-up": { type: "string", default: "180" },
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

async function steady(counts, seconds) {
  for (const count of counts) {
    const network = await Network.start(count);
    try {
      await until(network.members, () => isWhole(network.members), "views whole");
      await new Promise((resolve) => setTimeout(resolve, Number(values["warm-up"]) * 1000));
      const before = await usage(network);
      await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
      const after = await usage(network);
      const suspicions = network.members.reduce(
        (sum, one) => sum + one.log.filter((e) => e.event === "suspected").length,
        0,
      );
      tell(`N=${count}: bytes per second and member`, ms((after.bytes - before.bytes) / seconds / count), "B/s");
      tell(
        `N=${count}: packets per second and member`,
        ((after.packets - before.packets) / seconds / count).toFixed(2),
        "/s",
      );
      tell(
        `N=${count}: CPU per member and minute`,
        (((after.cpu - before.cpu) / count / seconds) * 60).toFixed(2),
        "s",
      );
      tell(`N=${count}: memory per member`, ms(after.rss / count), "MiB");
      tell(`N=${count}: suspicions in all`, suspicions, "");
    } finally {
      await network.stop();
    }
  }
}

async function usage({ members }) {
  const line = (await readFile("/proc/net/dev", "utf8")).split("\n").find((text) => text.trim().startsWith("lo:"));
  const fields = line.trim().split(/[\s:]+/);
  let cpu = 0;
  let rss = 0;
  for (const { child } of members) {
    const stat = (await readFile(`/proc/${child.pid}/stat`, "utf8")).split(") ")[1].split(" ");
    cpu += (Number(stat[11]) + Number(stat[12])) / 100;
    rss += Number(/VmRSS:\s+(\d+)/.exec(await readFile(`/proc/${child.pid}/status`, "utf8"))[1]) / 1024;
  }
  return { bytes: Number(fields[9]), packets: Number(fields[10]), cpu, rss };
}

function tell(what, value, unit = "ms") {
  console.log(values.json ? JSON.stringify({ what, value: Number(value), unit }) : `${what}: ${value} ${unit}`);
}

if (values.steady) await steady(values.steady.split(",").map(Number), Number(values.seconds));
else await stories(Number(values.members));
