/**
 * A network of real processes, default settings, and one member thrown out with `fireflies ca revoke`: when it is out of
 * every view and off every link, and what a restart gets it. Then the same with a stolen key.
 *
 *   npm run -s build && node bench/revocation.mjs [--members 30] [--json]
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, readlink, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { DEADLINE_MS, MAIN, Process, until } from "./process.mjs";

/** Links are looked at this often, milliseconds: the figure's grain. */
const LOOK_MS = 50;
/** A member that is refused everywhere keeps trying for this long, milliseconds. */
const REFUSED_FOR_MS = 15_000;
/** State of a TCP connection that is open, in /proc/net/tcp. */
const ESTABLISHED = "01";

const { values } = parseArgs({
  options: { members: { type: "string", default: "30" }, json: { type: "boolean", default: false } },
});

/** Runs a command to its end and returns what it printed. */
async function command(...args) {
  const child = spawn(process.execPath, [MAIN, ...args], { stdio: ["ignore", "pipe", "inherit"] });
  let text = "";
  child.stdout.on("data", (data) => {
    text += data;
  });
  const [code] = await once(child, "close");
  if (code !== 0) throw new Error(`${args.join(" ")}: exit code ${code}`);
  return text;
}

/** Open TCP connections of a process by their two ends, but for those to the authority's port. */
async function linksOf({ child }, authorityPort) {
  const names = await readdir(`/proc/${child.pid}/fd`);
  const targets = await Promise.all(names.map((fd) => readlink(`/proc/${child.pid}/fd/${fd}`).catch(() => "")));
  const inodes = new Set(targets.flatMap((target) => /^socket:\[(\d+)\]$/.exec(target)?.[1] ?? []));
  const tables = await Promise.all(
    ["tcp", "tcp6"].map((name) => readFile(`/proc/net/${name}`, "utf8").catch(() => "")),
  );
  const port = authorityPort.toString(16).toUpperCase().padStart(4, "0");
  return tables
    .flatMap((text) => text.split("\n").slice(1))
    .map((line) => line.trim().split(/\s+/))
    .filter((fields) => fields[3] === ESTABLISHED && inodes.has(fields[9]) && !fields[2].endsWith(`:${port}`))
    .map((fields) => `${fields[1]} ${fields[2]}`);
}

/** What it dials again meanwhile is cut before it says a word, but may be seen for a moment. */
async function untilCut(victim, links, authorityPort) {
  const end = performance.now() + DEADLINE_MS;
  for (;;) {
    const open = new Set(await linksOf(victim, authorityPort));
    if (!links.some((link) => open.has(link))) return;
    if (performance.now() > end) throw new Error("the revoked member keeps a link");
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
}

const isWhole = (members) => members.every((one) => members.every((other) => other === one || one.view.has(other.id)));

async function main(count) {
  const dir = await mkdtemp(join(tmpdir(), "fireflies-bench-"));
  const caDir = join(dir, "ca");
  const ca = new Process("ca", ["ca", "--dir", caDir, "--port", "0", "--open"]);
  const running = [ca];
  try {
    const { url, fingerprint } = await ca.event("listening");
    const join_ = (name) => {
      const args = ["--ca", url, "--ca-fingerprint", fingerprint, "--name", name];
      const one = new Process(name, ["agent", "--dir", join(dir, name), ...args]);
      running.push(one);
      return one;
    };
    const members = Array.from({ length: count }, (_, index) => join_(`m${index}`));
    await Promise.all(members.map((one) => one.event("ready")));
    await until(members, () => isWhole(members), "views whole");
    const port = Number(new URL(url).port);
    for (const by of ["principal", "key"]) await throwOut(members, by, { caDir, port, join: join_ });
  } finally {
    await Promise.all(running.map((one) => one.end()));
    await rm(dir, { recursive: true, force: true });
  }
}

async function throwOut(members, by, { caDir, port, join: again }) {
  const victim = members.shift();
  const others = [...members];
  const links = await linksOf(victim, port);
  const { certificates } = JSON.parse(await command("ca", "show", victim.name, "--dir", caDir, "--json"));
  const target = by === "principal" ? [victim.name] : ["--serial", certificates.at(-1).serial];
  const before = performance.now();
  await command("ca", "revoke", ...target, "--dir", caDir, "--json");
  const revoked = performance.now();
  tell(by, "the command took", revoked - before, "ms");
  await Promise.all([
    until(others, () => others.every((one) => !one.view.has(victim.id)), "out of all views").then(() => {
      const at = others.map((one) => lastFailed(one, victim.id).at - revoked);
      tell(by, "after it: out of the first view", Math.min(...at), "ms");
      tell(by, "after it: out of all views", Math.max(...at), "ms");
    }),
    untilCut(victim, links, port).then(() => {
      tell(by, `after it: off all of its ${links.length} links`, performance.now() - revoked, "ms");
    }),
  ]);
  const reasons = new Set(others.map((one) => lastFailed(one, victim.id).reason ?? "revoked"));
  tell(by, `views that say otherwise than "${[...reasons].join()}"`, reasons.size - 1, "views");
  await victim.end();
  await restart(victim, others, by, again);
}

/** With the same key and certificate, against everyone who is there. */
async function restart({ name, id }, others, by, again) {
  const marks = others.map((one) => one.log.length);
  const reborn = again(name);
  await reborn.event("ready").catch(() => {});
  await new Promise((resolve) => setTimeout(resolve, REFUSED_FOR_MS));
  const back = others.filter((one, index) =>
    one.log.slice(marks[index]).some((entry) => entry.event === "joined" && entry.id === id),
  );
  tell(by, `restarted for ${REFUSED_FOR_MS / 1000} s: came back into`, back.length, "views");
  const reason = reborn.log.findLast((entry) => entry.event === "isolated")?.reason ?? "nothing";
  tell(by, `restarted: members in its own view (it is told: ${reason})`, reborn.view.size, "members");
  await reborn.end();
}

function lastFailed(one, id) {
  return one.log.findLast((entry) => entry.event === "failed" && entry.id === id);
}

function tell(by, what, value, unit) {
  const rounded = Math.round(value);
  const line = `revoked by ${by}: ${what}: ${rounded} ${unit}`;
  console.log(values.json ? JSON.stringify({ by, what, value: rounded, unit }) : line);
}

await main(Number(values.members));
