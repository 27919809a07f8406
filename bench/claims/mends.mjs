// What rule R20 and its neighbours cost: a network at rest, after crashes, and under each flood of words, per correct member; beside
// another build of the same simulator, when there is one.
// Run: npx tsc -b && node bench/claims/mends.mjs [--beside DIST] [--members 100,1000] [--seconds 20] [--only NAME] [--json]
//   --beside  the dist/ of another commit: its figures stand in brackets

import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { table } from "./markdown.mjs";

const { values } = parseArgs({
  options: {
    beside: { type: "string" },
    members: { type: "string", default: "100" },
    seconds: { type: "string", default: "20" },
    only: { type: "string" },
    json: { type: "boolean", default: false },
  },
});
const DIST = fileURLToPath(new URL("../../dist/", import.meta.url));
const SHARE = 0.2;
const WARM_UP_MS = 5_000;
/** Who floods, and "none" at rest; "crash": one member dies, of which each other one has to tell. */
const CASES = ["none", "crash", "false-accuser", "stranger-accuser", "pesterer", "storm", "false-witness"];
const seconds = Number(values.seconds);
const rows = [];
for (const n of values.members.split(",").map(Number)) {
  for (const name of CASES.filter((one) => !values.only || one === values.only)) {
    const here = await measure(DIST, n, name);
    const there = values.beside && (await measure(values.beside, n, name));
    const row = { n, name, here, there };
    rows.push(row);
    if (values.json) console.log(JSON.stringify(row));
    else console.error(`${n} ${name}: ${JSON.stringify(here)} ${there ? JSON.stringify(there) : ""}`);
  }
}
if (!values.json) console.log(table(HEADINGS(), rows.map(lineOf)));

function HEADINGS() {
  return [
    "N",
    "liars do",
    "bytes/s per member",
    "of these summonses",
    "notes/s per member",
    "checks/s per member",
    "CPU ms per member and s",
    "false removals",
  ];
}

function lineOf({ n, name, here, there }) {
  const pair = (key, digits) => {
    const other = there?.[key];
    return `${here[key].toFixed(digits)}${other === undefined ? "" : ` (${other.toFixed(digits)})`}`;
  };
  return [
    n,
    name,
    pair("bytes", 0),
    pair("summonses", 1),
    pair("notes", 3),
    pair("checks", 2),
    pair("cpu", 3),
    pair("removals", 0),
  ];
}

/** Undefined where that build has no such liars. */
async function measure(dist, n, name) {
  const load = (file) => import(pathToFileURL(join(dist, file)).href);
  const { Simulation, ADVERSARIES, invariants } = await load("sim/index.js");
  const isFlood = name !== "none" && name !== "crash";
  const known = ADVERSARIES.get(name);
  if (isFlood && !known) return undefined;
  const checks = invariants({});
  const counts = { notes: 0, checks: 0, watching: false };
  const watch = {
    signed: (seat, type) => {
      if (counts.watching && seat.isCorrect && type !== "accusation") counts.notes += 1;
    },
  };
  const simulation = new Simulation({
    members: n,
    byzantine: SHARE,
    seed: 1,
    behaviours: () => (isFlood ? [known.create()] : []),
    watchers: [checks, watch],
  });
  checks.attach(simulation);
  simulation.run(WARM_UP_MS);
  const correct = simulation.members.filter(({ isCorrect }) => isCorrect);
  for (const seat of correct) countChecks(seat.machine, counts);
  const before = correct.map((seat) => simulation.traffic(seat));
  const cpu = process.cpuUsage();
  counts.watching = true;
  if (name === "crash") simulation.crash(correct[3]);
  simulation.run(1000 * seconds);
  const spent = process.cpuUsage(cpu);
  const traffic = correct.map((seat, index) => difference(simulation.traffic(seat), before[index]));
  const per = (value) => value / correct.length / seconds;
  return {
    bytes: per(sum(traffic.map((kinds) => sum(Object.values(kinds))))),
    summonses: per(sum(traffic.map(({ summons = 0 }) => summons))),
    notes: per(counts.notes),
    checks: per(counts.checks),
    cpu: (spent.user + spent.system) / 1000 / n / seconds,
    removals: checks.count("S1"),
  };
}

/** Signature checks that a machine asks for, as its outputs are taken. */
function countChecks(machine, counts) {
  const take = machine.takeOutputs.bind(machine);
  machine.takeOutputs = () => {
    const outputs = take();
    for (const output of outputs) if (output.kind === "verify") counts.checks += output.checks.length;
    return outputs;
  };
}

function difference(after, before) {
  return Object.fromEntries(Object.entries(after).map(([kind, bytes]) => [kind, bytes - before[kind]]));
}

function sum(values) {
  return values.reduce((total, value) => total + value, 0);
}
