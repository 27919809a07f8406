/**
 * The claims of docs/claims.md: runs the simulations behind each table, and prints the document.
 *
 *   npm run claims                         the short form: networks of up to 100 members, for seconds
 *   npm run claims -- --scale 1            all of it: some hours of two cores
 *   npm run claims -- --scale 10           ten networks for each row of removals and of detection
 *   npm run claims -- --tables detection,cost --scale 1 --results FILE
 *   npm run -s claims -- --print           the document, from results that were kept (bench/claims/results.jsonl, -more and -topics,
 *                                          and -before for those of the rules before R20)
 *
 * A run is repeated by its row: everything follows from its options and its seed. With --results each row is kept as
 * it ends, and rows that are there, of the present rules, are not run again; --minutes stops after so long, --only '"n":1000,"f":0.2' runs the rows
 * whose options have this text.
 */
import { fork, spawnSync } from "node:child_process";
import { appendFileSync, existsSync, readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { document } from "./document.mjs";
import { RULES } from "./rules-version.mjs";
import { TABLES } from "./tables.mjs";

const KEPT = ["results.jsonl", "results-more.jsonl", "results-topics.jsonl", "results-before.jsonl"].map((file) =>
  fileURLToPath(new URL(file, import.meta.url)),
);
const WORKER = fileURLToPath(new URL("worker.mjs", import.meta.url));
const HERE = fileURLToPath(new URL(".", import.meta.url));

/** Members of a network in the short form, at most. */
const SHORT_MEMBERS_MAX = 100;

const { values } = parseArgs({
  options: {
    scale: { type: "string", default: "0.01" },
    tables: { type: "string", default: Object.keys(TABLES).join(",") },
    workers: { type: "string", default: String(availableParallelism()) },
    minutes: { type: "string", default: "Infinity" },
    only: { type: "string", default: "" },
    results: { type: "string" },
    print: { type: "boolean", default: false },
  },
});

const COMMIT = commit();
let ended = 0;
const rows = (values.results ? [values.results] : values.print ? KEPT : []).flatMap(rowsIn);
if (!values.print) await runAll();
console.log(document(rows));

async function runAll() {
  const done = new Set(rows.filter(({ rules }) => rules === RULES).map(keyOf));
  const scale = Number(values.scale);
  const jobs = values.tables
    .split(",")
    .flatMap((table) => TABLES[table].jobs(scale).map((options) => ({ table, options })))
    .filter((job) => !done.has(keyOf(job)) && keyOf(job).includes(values.only))
    .filter(({ options }) => scale >= 1 || !(options.n > SHORT_MEMBERS_MAX));
  const until = performance.now() + Number(values.minutes) * 60_000;
  const total = jobs.length;
  const next = () => (performance.now() < until ? jobs.shift() : undefined);
  await Promise.all(Array.from({ length: Number(values.workers) }, () => work(next, total)));
}

function rowsIn(file) {
  return existsSync(file) ? readFileSync(file, "utf8").split("\n").filter(Boolean).map(JSON.parse) : [];
}

/** What a run is known by. */
function keyOf({ table, options }) {
  return JSON.stringify([table, options]);
}

/** Job after job, each in a process of its own: what one dies of, memory say, does not end the others. */
async function work(next, total) {
  for (let job = next(); job; job = next()) {
    try {
      keep({ ...job, ...(await inProcess(job)), commit: COMMIT, node: process.version, rules: RULES }, total);
    } catch (error) {
      process.stderr.write(`${error.message}\n`);
      process.exitCode = 1;
    }
  }
}

function inProcess(job) {
  const worker = fork(WORKER);
  return new Promise((resolve, reject) => {
    worker.once("exit", (code) => reject(new Error(`the run of ${keyOf(job)} ended with ${code}`)));
    worker.once("message", (answer) => {
      resolve(answer);
      worker.kill();
    });
    worker.send(job);
  });
}

/** Of the checkout; without one, none is kept. */
function commit() {
  const { status, stdout } = spawnSync("git", ["describe", "--always", "--dirty", "--abbrev=7"], {
    encoding: "utf8",
    cwd: HERE,
  });
  return status === 0 ? stdout.trim() : undefined;
}

function keep(row, total) {
  rows.push(row);
  ended += 1;
  if (values.results) appendFileSync(values.results, `${JSON.stringify(row)}\n`);
  process.stderr.write(`${ended}/${total} ${row.table} ${JSON.stringify(row.options)}: ${row.seconds.toFixed(1)} s\n`);
}
