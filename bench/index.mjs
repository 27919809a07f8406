/**
 * How fast it is, beside its peers: each row measures us and a peer in turns, on this machine, in processes of their own.
 *
 *   npm run bench                               the table: every row, three runs of each side
 *   npm run bench -- --only nats-50,kill        some rows; may be repeated
 *   npm run -s bench -- --json [--only ROW]     one JSON line for each row, nothing else: row, ours, peer, ratio, and more
 *   npm run bench -- --keep                     also keeps the rows in bench/performance.jsonl
 *   npm run -s bench -- --print                 docs/performance.md, from what is kept; measures nothing
 *   npm run -s bench -- --plots                 the plots of docs/performance/, from what is kept; measures nothing
 *
 * --runs N (3) is how often each side is measured; --quick tries everything for a moment: its figures mean nothing.
 * A row whose peer is not installed says so and is skipped. Exits with 1 when a row failed, otherwise with 0.
 */
import { parseArgs } from "node:util";
import { readKept, writeKept } from "./support/kept.mjs";
import { measure } from "./support/measure.mjs";
import { findRows } from "./support/rows.mjs";
import { head, line } from "./support/table.mjs";

const { values } = parseArgs({
  options: {
    only: { type: "string", multiple: true, default: [] },
    runs: { type: "string", default: "3" },
    quick: { type: "boolean", default: false },
    json: { type: "boolean", default: false },
    keep: { type: "boolean", default: false },
    print: { type: "boolean", default: false },
    plots: { type: "boolean", default: false },
  },
});
const runs = Number(values.runs);
if (!Number.isInteger(runs) || runs < 1) throw new Error("--runs takes a whole number from 1 up");
if (values.keep && values.quick) throw new Error("--quick figures mean nothing: they are not kept");

// What was opened goes with the process (support/scratch.mjs), and a signal is an end like any other.
const SIGNALS = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 };
for (const [signal, number] of Object.entries(SIGNALS)) process.once(signal, () => process.exit(128 + number));

const only = values.only.flatMap((names) => names.split(","));

if (values.print) await print();
else if (values.plots) await plot();
else await measureAll();

async function print() {
  const { document } = await import("./support/document.mjs");
  process.stdout.write(document(readKept(), await findRows()));
}

async function plot() {
  const { writePlots } = await import("./support/plots.mjs");
  writePlots(readKept());
}

async function measureAll() {
  const rows = await findRows(only);
  if (!values.json) console.log(head());
  for (const row of rows) {
    const result = await measure(row, { runs, quick: values.quick });
    console.log(values.json ? JSON.stringify(result) : line(result));
    if (result.error) process.exitCode = 1;
    if (values.keep) writeKept(result);
  }
}
