/**
 * Whom newcomers see: a few members that stay, and others that start, look and stop, one after the other. Each should see
 * all that stay at the moment when `start` resolves. Also what that costs the authority in calls.
 *
 *   npm run -s build && node bench/newcomers.mjs [--members 3] [--count 200] [--killed] [--rest SECONDS] [--json]
 *
 * --killed: newcomers are processes that are killed instead of stopped. --rest: counts the calls of those that stay for so
 * many seconds, when the newcomers are gone.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { Client } from "../dist/client/index.js";
import { Process, until } from "./process.mjs";

const { values } = parseArgs({
  options: {
    members: { type: "string", default: "3" },
    count: { type: "string", default: "200" },
    killed: { type: "boolean", default: false },
    rest: { type: "string", default: "0" },
    json: { type: "boolean", default: false },
  },
});

const isWhole = (members) => members.every((one) => members.every((other) => other === one || one.view.has(other.id)));

function tell(what, value, unit = "") {
  const line = JSON.stringify({ what, value, unit });
  console.log(values.json ? line : `${what}: ${typeof value === "number" ? Math.round(value) : value} ${unit}`.trim());
}

/** Calls that the authority has answered so far, by path. */
function callsOf({ log }) {
  const counts = {};
  for (const { event, method, route } of log) {
    if (event === "request") counts[`${method} ${route}`] = (counts[`${method} ${route}`] ?? 0) + 1;
  }
  return counts;
}

async function stopped(options, stay) {
  const alarms = [];
  const client = new Client({ config: false, listen: "127.0.0.1:0", ...options });
  client.registerAlarmHandler(({ code }) => code !== "loopback-only" && alarms.push(code));
  const begun = performance.now();
  await client.start();
  const startMs = performance.now() - begun;
  const ids = new Set(client.members().map(({ id }) => id));
  const seen = stay.filter(({ id }) => ids.has(id)).length;
  await client.stop();
  return { seen, startMs, stopMs: performance.now() - begun - startMs, alarms };
}

/** What a process saw when it was ready: so many members, whom it tells next. */
async function killed({ ca, caFingerprint, name, dir }, stay) {
  const args = ["agent", "--dir", dir, "--ca", ca, "--ca-fingerprint", caFingerprint, "--name", name];
  const begun = performance.now();
  const newcomer = new Process(name, args);
  const { members } = await newcomer.event("ready");
  const startMs = performance.now() - begun;
  await until([newcomer], () => joinedIn(newcomer).length >= members, "it tells whom it saw");
  const first = new Set(joinedIn(newcomer).slice(0, members));
  const seen = stay.filter(({ id }) => first.has(id)).length;
  const alarms = newcomer.log.filter(({ event }) => event === "alarm").map(({ code }) => code);
  await newcomer.end("SIGKILL");
  return { seen, startMs, stopMs: 0, alarms: alarms.filter((code) => code !== "loopback-only") };
}

function joinedIn({ log }) {
  return log.filter(({ event }) => event === "joined").map(({ id }) => id);
}

async function trial(count, members) {
  const dir = await mkdtemp(join(tmpdir(), "fireflies-bench-"));
  const ca = new Process("ca", [
    "ca",
    "--dir",
    join(dir, "ca"),
    "--port",
    "0",
    "--open",
    "--log",
    "json",
    "--log-level",
    "debug",
  ]);
  const running = [ca];
  try {
    const { url, fingerprint } = await ca.event("listening");
    const named = (name) => ({ ca: url, caFingerprint: fingerprint, name, dir: join(dir, name) });
    const stay = Array.from({ length: members }, (_, index) => {
      const { dir: place, name } = named(`stays-${index}`);
      const args = ["agent", "--dir", place, "--ca", url, "--ca-fingerprint", fingerprint, "--name", name];
      const one = new Process(name, args);
      running.push(one);
      return one;
    });
    await Promise.all(stay.map((one) => one.event("ready")));
    await until(stay, () => isWhole(stay), "the first members see each other");
    const before = Object.values(callsOf(ca)).reduce((sum, calls) => sum + calls, 0);
    const begun = performance.now();
    const results = [];
    for (let index = 0; index < count; index++) {
      const options = named(`new-${index}`);
      results.push(await (values.killed ? killed(options, stay) : stopped(options, stay)));
    }
    report(results, members);
    const seconds = (performance.now() - begun) / 1000;
    const after = Object.values(callsOf(ca)).reduce((sum, calls) => sum + calls, 0);
    tell("the trial took", Number(seconds.toFixed(1)), "s");
    tell("calls of the authority meanwhile", after - before, JSON.stringify(callsOf(ca)));
    await rest(ca, Number(values.rest));
  } finally {
    await Promise.all(running.map((one) => one.end("SIGKILL")));
    await rm(dir, { recursive: true, force: true });
  }
}

function report(results, members) {
  const whole = results.filter(({ seen }) => seen === members).length;
  tell(`newcomers that saw all ${members} at start`, whole, `of ${results.length}`);
  tell("newcomers that saw nobody", results.filter(({ seen }) => seen === 0).length, `of ${results.length}`);
  const starts = results.map(({ startMs }) => startMs).sort((a, b) => a - b);
  tell("start, median", starts[Math.floor(starts.length / 2)], "ms");
  tell("start, longest", starts.at(-1), "ms");
  tell("stop, longest", Math.max(...results.map(({ stopMs }) => stopMs)), "ms");
  const alarms = {};
  for (const code of results.flatMap((one) => one.alarms)) alarms[code] = (alarms[code] ?? 0) + 1;
  tell("alarms", JSON.stringify(alarms));
}

async function rest(ca, seconds) {
  if (seconds === 0) return;
  const before = callsOf(ca);
  await sleep(seconds * 1000);
  const after = callsOf(ca);
  const more = Object.entries(after).map(([path, calls]) => [path, calls - (before[path] ?? 0)]);
  tell(
    `calls in ${seconds} s of rest`,
    more.reduce((sum, [, calls]) => sum + calls, 0),
    JSON.stringify(Object.fromEntries(more)),
  );
}

await trial(Number(values.count), Number(values.members));
