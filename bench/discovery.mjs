/**
 * How long members take to find each other by sources of contacts: a start beside DNS that is silent, and two islands that become
 * one after a source has named a member of the other. In one process, over wires in memory.
 * `node bench/discovery.mjs [--runs 10] [--dist DIR]`: another build than ./dist measures what it can.
 */
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { loadavg, tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";

const ROOT = join(import.meta.dirname, "..");
const { values } = parseArgs({
  options: { runs: { type: "string", default: "10" }, dist: { type: "string", default: join(ROOT, "dist") } },
});
const runs = Number(values.runs);
const load = async (path) => await import(pathToFileURL(join(resolve(values.dist), path)).href);
const { startTestNetwork } = await load("testing/index.js");

const directory = mkdtempSync(join(tmpdir(), "fireflies-bench-discovery-"));
const silent = createSocket("udp4").bind(0, "127.0.0.1");
await once(silent, "listening");
const server = `127.0.0.1:${silent.address().port}`;

/** Of several times, milliseconds: the middle, the least and the most. */
function spread(times) {
  const sorted = [...times].sort((a, b) => a - b);
  return `${Math.round(sorted[sorted.length >> 1])} ms (${Math.round(sorted[0])} to ${Math.round(sorted.at(-1))})`;
}

async function measured(title, run) {
  const times = [];
  try {
    for (let count = 0; count < runs; count++) times.push(await run(count));
    console.log(`${title}: ${spread(times)}`);
  } catch (error) {
    console.log(`${title}: cannot be had (${error.message})`);
  }
}

/** A member starts with these entries beside one that answers, or alone. */
async function start(entries, { withMember }) {
  const network = await startTestNetwork({ members: 1 });
  const entryAddrs = [...entries, ...(withMember ? [network.members[0].address] : [])];
  const client = await network.member({ entryAddrs });
  const begun = performance.now();
  await client.start();
  const took = performance.now() - begun;
  await network.stop();
  return took;
}

async function islands(size, preset, count) {
  const network = await startTestNetwork({ members: size, client: { preset } });
  const path = join(directory, `contacts-${size}-${preset}-${count}`);
  writeFileSync(path, "");
  const mine = [...network.members];
  const first = await network.add({ entryAddrs: [`file:${path}`], preset });
  const others = [first];
  while (others.length < size) others.push(await network.add({ entryAddrs: [first.address], preset }));
  await network.whole(others);
  const begun = performance.now();
  writeFileSync(`${path}.new`, `${mine[1].address}\n`);
  renameSync(`${path}.new`, path);
  await network.whole([...mine, ...others]);
  const took = performance.now() - begun;
  await network.stop();
  return took;
}

console.log(`load ${loadavg()[0].toFixed(1)}, ${runs} runs, median (least to most)`);
await measured("start with a member that answers", () => start([], { withMember: true }));
await measured("start with that one and DNS that is silent (dns:)", () =>
  start([`dns://${server}/members.example:7000`], { withMember: true }),
);
await measured("start with DNS that is silent and nobody else (dns:)", () =>
  start([`dns://${server}/members.example:7000`], { withMember: false }),
);
for (const preset of ["local", "lan"])
  await measured(`two islands of 3 (${preset}) are one, after a file named one member`, (count) =>
    islands(3, preset, count),
  );
silent.close();
rmSync(directory, { recursive: true });
process.exit(0);
