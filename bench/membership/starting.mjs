/**
 * A member that starts on a directory, as a process of its own: argv DIRECTORY [SECONDS]. Prints one line of JSON: how long
 * `start` took, how many it knew then, and, after so many seconds of rest, its memory.
 */
import { setTimeout as sleep } from "node:timers/promises";

const [directory, seconds = "0"] = process.argv.slice(2);
const spawnedAt = performance.timeOrigin;
const { Client } = await import("../../dist/client/index.js");
const loaded = performance.now();
const cpu = process.cpuUsage();
const client = new Client({ config: false, dir: directory, useCa: false, listen: "127.0.0.1:0" });
client.registerAlarmHandler(({ code }) => process.stderr.write(`${code}\n`));
await client.start();
const ready = performance.now();
const { user, system } = process.cpuUsage(cpu);
const known = client.members().length;
await sleep(Number(seconds) * 1000);
globalThis.gc?.();
const memory = process.memoryUsage();
const mib = (bytes) => bytes / 2 ** 20;
console.log(
  JSON.stringify({
    loadMs: loaded,
    startMs: ready - loaded,
    startCpuMs: (user + system) / 1000,
    known,
    spawnedAt,
    rssMiB: mib(memory.rss),
    heapMiB: mib(memory.heapUsed),
    externalMiB: mib(memory.external),
  }),
);
process.exit(0); // The others are not there to say goodbye to.
