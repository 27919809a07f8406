/**
 * What a stream over reliable UDP can be at best in Node: 64 KiB chunks from one process to another, by udx-native alone and with
 * node:tls over it (mutual TLS 1.3); the same by TCP; and ours over both. What it tells of ours is their share of the floor:
 * `npm run bench -- --only path-udx` is the row.
 *
 *   node bench/talk/udx-floor.mjs [--runs 5] [--ms 2000]
 */
import { parseArgs } from "node:util";
import { median } from "../support/measure.mjs";
import { pairOfKeys } from "./certificates.mjs";
import { Child } from "./child.mjs";
import { openMembers } from "./pairs.mjs";

const { values } = parseArgs({
  options: { runs: { type: "string", default: "5" }, ms: { type: "string", default: "2000" } },
});
const LOAD = { bytes: 64 * 1024, ms: Number(values.ms) };
const MICROSECONDS_PER_MS = 1000;

/** Two plain programs; what comes is measured by the one that dials. */
async function openPlain(way) {
  const { server, client } = await pairOfKeys();
  const children = ["called", "caller"].map((side) => new Child("udx-plain.mjs", `${way}-${side}`));
  const [called, caller] = children;
  const port = await called.ask("listen", { way, keys: server });
  await caller.ask("connect", { way, keys: client, port });
  return {
    ask: (what, args) => caller.ask(what, args),
    cpu: () => Promise.all(children.map((child) => child.cpu())),
    close: () => Promise.all(children.map((child) => child.end())),
  };
}

/** MiB per second, and milliseconds of CPU of both processes for each MiB. */
async function measured(side) {
  const sum = async () => (await side.cpu()).reduce((all, one) => all + one, 0);
  const before = await sum();
  const mibs = await side.ask("down", LOAD);
  const cpuMs = ((await sum()) - before) / MICROSECONDS_PER_MS;
  return [mibs, cpuMs / ((mibs * LOAD.ms) / 1000)];
}

const ours = (scheme) => openMembers({ listen: `${scheme}://127.0.0.1:0` }, scheme);
const OPENERS = {
  "TCP alone": () => openPlain("tcp"),
  "TCP and TLS": () => openPlain("tcp-tls"),
  "udx alone": () => openPlain("udx"),
  "udx and TLS": () => openPlain("udx-tls"),
  "ours over TCP": () => ours("tcp"),
  "ours over udx": () => ours("udx"),
};
const sides = {};
try {
  for (const [name, open] of Object.entries(OPENERS)) sides[name] = await open();
  const figures = Object.fromEntries(Object.keys(sides).map((name) => [name, []]));
  for (let run = -1; run < Number(values.runs); run++)
    for (const [name, side] of Object.entries(sides)) {
      const figure = await measured(side);
      if (run >= 0) figures[name].push(figure);
    }
  const mibs = (name) => median(figures[name].map(([rate]) => rate));
  console.log("way              MiB/s   CPU ms/MiB");
  for (const [name, runs] of Object.entries(figures)) {
    const perMib = median(runs.map(([, cost]) => cost));
    console.log(name.padEnd(14), mibs(name).toFixed(0).padStart(7), perMib.toFixed(2).padStart(12));
  }
  const share = (one, other) => (mibs(one) / mibs(other)).toFixed(3);
  console.log(`\nudx to TCP, with TLS over both: ${share("udx and TLS", "TCP and TLS")}`);
  console.log(`udx to TCP, ours: ${share("ours over udx", "ours over TCP")}`);
  console.log(`ours over udx to udx with TLS: ${share("ours over udx", "udx and TLS")}`);
} finally {
  await Promise.all(Object.values(sides).map((side) => side.close()));
}
