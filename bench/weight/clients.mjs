/**
 * Many clients in one process, started one after the other, their authority in another one: what each start takes, what they
 * take when all are there and nothing happens, and where the time goes.
 */
import { join } from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import { Client } from "../../dist/client/index.js";
import { Process } from "../process.mjs";
import { makeDirectory, removeDirectory } from "../support/scratch.mjs";
import { profiled } from "./profile.mjs";

/** Clients whose starts are told together. */
const STEP = 10;
/** What the last start has set going is over, and then how long nothing happens, milliseconds. */
const SETTLE_MS = 10_000;
const STEADY_MS = 10_000;
const MIB = 2 ** 20;

export async function weighClients({ clients: count }) {
  const directory = makeDirectory();
  const ca = new Process("ca", ["ca", "--dir", join(directory, "ca"), "--port", "0", "--open"]);
  const clients = [];
  try {
    const { url, fingerprint } = await ca.event("listening");
    const start = async (index) => {
      const options = { ca: url, caFingerprint: fingerprint, name: `m${index}` };
      const client = new Client({ config: false, ...options, dir: join(directory, String(index)) });
      clients.push(client);
      await client.start();
    };
    const { kinds } = await profiled(async () => {
      for (let first = 0; first < count; first += STEP) await tellStarts(start, first);
    });
    tellKinds(kinds);
    await sleep(SETTLE_MS);
    await tellSteady(count); // The profiler takes more than they do.
    const steady = await profiled(() => sleep(STEADY_MS));
    tellKinds(steady.kinds);
  } finally {
    await Promise.all(clients.map((client) => client.stop({ drain: 0 })));
    await ca.end();
    removeDirectory(directory);
  }
}

async function tellStarts(start, first) {
  const delay = monitorEventLoopDelay({ resolution: 5 });
  delay.enable();
  const used = await using(async () => {
    for (let index = first; index < first + STEP; index++) await start(index);
  });
  const each = `${(used.seconds / STEP).toFixed(2).padStart(6)} s each ${(used.cpu / STEP).toFixed(2).padStart(6)} s CPU each`;
  const rss = (process.memoryUsage().rss / MIB).toFixed(0).padStart(6);
  delay.disable();
  const late = `late by ${(delay.max / 1e6).toFixed(0).padStart(4)} ms at most`;
  console.log(`${`clients ${first + 1} to ${first + STEP}`.padEnd(24)}${each} ${rss} MiB  ${late}`);
}

async function tellSteady(count) {
  const { seconds, cpu } = await using(() => sleep(STEADY_MS));
  const each = ((1000 * cpu) / seconds / count).toFixed(1);
  console.log(`nothing happens: ${(cpu / seconds).toFixed(2)} of a core, ${each} ms a second for each client`);
}

async function using(work) {
  const [began, before] = [performance.now(), process.cpuUsage()];
  await work();
  const { user, system } = process.cpuUsage(before);
  return { seconds: (performance.now() - began) / 1000, cpu: (user + system) / 1e6 };
}

function tellKinds(kinds) {
  for (const [kind, seconds] of kinds) console.log(`  ${kind.padEnd(36)} ${seconds.toFixed(2).padStart(7)} s`);
}
