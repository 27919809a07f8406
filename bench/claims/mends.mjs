/**
 * What rule R20 and its neighbours cost: a network at rest, after a crash, and under each flood of words, per correct member; beside
 * the rules before them. A build of 823efd9^ gives those: FIREFLIES_BEFORE=its dist/ in the environment of the run.
 */
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { count, groups, table } from "./markdown.mjs";

export const title = "What the mends cost";
export const about = `Rule R20 (a judge hears the accused) and its neighbours, per correct member, with a fifth of liars; in brackets the rules
before them, where they have such liars. "crash": one member dies, and every judge would tell it so. "storm": all liars accuse all, and say
that all stand accused. CPU is that of the simulator.`;

const DIST = fileURLToPath(new URL("../../dist/", import.meta.url));
const BEFORE = process.env.FIREFLIES_BEFORE;
const SHARE = 0.2;
const WARM_UP_MS = 5_000;
/** Who floods; "none" at rest; "crash". */
const CASES = ["none", "crash", "false-accuser", "stranger-accuser", "pesterer", "false-witness", "storm"];
/** Among a thousand a flood of a second is a million statements. */
const SECONDS = { 100: 20, 1000: 5 };

export function jobs(scale) {
  return [100, 1000].flatMap((n) =>
    CASES.map((name) => ({ n, name, seconds: Math.max(2, Math.round(SECONDS[n] * Math.min(1, scale))), seed: 1 })),
  );
}

export async function run(options) {
  const here = await measure(DIST, options);
  const there = BEFORE === undefined ? undefined : await measure(BEFORE, options);
  return { here, there };
}

export function render(rows) {
  const lines = groups(rows, "n", "name").map(([{ options, result }]) => lineOf(options, result));
  const headings = ["N", "liars do", "bytes/s", "of these summonses", "notes/s", "checks/s", "CPU ms/s"];
  return table([...headings, "false removals"], lines);
}

function lineOf({ n, name }, { here, there }) {
  const pair = (key, digits) => {
    const of = (value) => (digits === 0 ? count(value) : value.toFixed(digits));
    return there ? `${of(here[key])} (${of(there[key])})` : of(here[key]);
  };
  return [
    count(n),
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
async function measure(dist, { n, name, seconds, seed }) {
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
    seed,
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
