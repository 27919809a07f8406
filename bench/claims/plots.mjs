/**
 * Attacks that many liars play together, against drawn networks: whom they remove, and whether views stay apart.
 *
 *   node bench/claims/plots.mjs --seeds 100 --members 20,40,60 --liars .1,.2,.3 --adversary two-faced-leaver,proof-jam --cores 2
 *
 * A seed draws intervals (lan, local, wan), loss (0, .05, .1) and how far each clock is off (15 ms at most). With --resume FILE each
 * row is kept as it ends, and rows that are there are not run again; --json prints the rows in place of the table, --claims their sums
 * as lines for results.jsonl. Ends with 1 when
 * any correct, reachable, unexposed member left a correct view (S1), views never agreed again (L2), or a machine threw (S6).
 */
import { fork } from "node:child_process";
import { appendFileSync, existsSync, readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { adversary, Chance, invariants, LATENCIES, PLOTS, PRESETS, Simulation } from "../../dist/sim/index.js";
import { groups } from "./markdown.mjs";
import { render, rowOf } from "./plots-table.mjs";
import { RULES } from "./rules-version.mjs";

const LOSSES = [0, 0.05, 0.1];
/** Milliseconds by which a clock is off at most, either way. */
const CLOCK_MS = 15;
/** Gossip intervals of a run: three scenes of twelve with what comes before, or a newcomer every second one. */
const BEATS = 38;
/** Gossip intervals at which somebody joins, or starts again without its memory. */
const JOINS = { from: 3, every: 1.5, count: 8 };
/** Those that need newcomers, or who comes back. */
const WELCOMING = ["doorstep", "forgotten-leaver"];
/** Milliseconds that pass before the attack by itself: a certificate is forgotten so long after nobody takes it any more. */
const BEFORE_MS = { "forgotten-leaver": 300_000 };
/** Views are compared at so many instants of the last third, at no fixed place within an interval. */
const LOOKS = 30;
const LOOK_BEATS = 0.41;

if (process.send) process.on("message", (options) => process.send(run(options)));
else await main();

function run({ adversary: name, n, f, seed }) {
  const chance = new Chance(seed, 77);
  const preset = chance.pick(Object.keys(PRESETS));
  const loss = chance.pick(LOSSES);
  const checks = invariants();
  const simulation = new Simulation({
    members: n,
    byzantine: f,
    seed,
    settings: PRESETS[preset],
    network: { latency: LATENCIES[preset === "wan" ? "wan" : "lan"], loss },
    behaviours: () => [adversary(name).create()],
    watchers: [checks],
  });
  checks.attach(simulation);
  for (const seat of simulation.members) simulation.skewClock(seat, Math.round(chance.between(-CLOCK_MS, CLOCK_MS)));
  const beatMs = PRESETS[preset].gossipMs;
  if (WELCOMING.includes(name)) welcome(simulation, chance, beatMs);
  simulation.run((BEFORE_MS[name] ?? 0) + (BEATS - LOOKS * LOOK_BEATS) * beatMs);
  const apart = lookOn(simulation, beatMs);
  const violations = checks.violations();
  const lost = violations.filter(({ invariant }) => invariant === "S1");
  return {
    rings: simulation.ringCount,
    preset,
    loss,
    victims: new Set(lost.map(({ member }) => member)).size,
    lost: checks.count("S1"),
    first: lost[0] ? Math.round(lost[0].at) : null,
    exposed: checks.exposedRemovals,
    isApart: apart === LOOKS,
    threw: checks.count("S6"),
    others: [...new Set(violations.map(({ invariant }) => invariant))].filter((other) => other !== "S1").join(" "),
    inputs: simulation.events,
    digest: simulation.digest(),
  };
}

/** By turns one that was never there, and one that forgot all. */
function welcome(simulation, chance, beatMs) {
  for (let index = 0; index < JOINS.count; index++) {
    simulation.at((JOINS.from + JOINS.every * index) * beatMs, () => {
      if (index % 2 === 0) simulation.join();
      else again(simulation, chance, beatMs);
    });
  }
}

/** Down until all have seen it go: who comes back earlier may be taken for dead, and nobody is to blame. */
function again(simulation, chance, beatMs) {
  const seat = chance.pick(simulation.members.filter(({ isCorrect, state }) => isCorrect && state === "up"));
  if (!seat) return;
  simulation.crash(seat);
  simulation.at(10 * beatMs, () => simulation.restart(seat, { keepState: false }));
}

/** At how many looks do correct views not hold the same members? */
function lookOn(simulation, beatMs) {
  let apart = 0;
  for (let look = 0; look < LOOKS; look++) {
    simulation.run(LOOK_BEATS * beatMs);
    const correct = simulation.members.filter(({ isCorrect, state }) => isCorrect && state === "up");
    const ids = simulation.members.map(({ id }) => id);
    const differs = ids.some((id) => {
      const holds = correct.filter((seat) => seat.id === id || seat.machine.member(id));
      return holds.length > 0 && holds.length < correct.length;
    });
    if (differs) apart += 1;
  }
  return apart;
}

async function main() {
  const { values } = parseArgs({
    options: {
      seeds: { type: "string", default: "10" },
      members: { type: "string", default: "20,40,60" },
      liars: { type: "string", default: ".1,.2,.3" },
      adversary: { type: "string", default: PLOTS.join(",") },
      cores: { type: "string", default: String(availableParallelism()) },
      json: { type: "boolean", default: false },
      claims: { type: "boolean", default: false },
      resume: { type: "string" },
    },
  });
  const [adversaries, members, liars] = [values.adversary, values.members, values.liars].map((list) => list.split(","));
  const kept =
    values.resume && existsSync(values.resume)
      ? readFileSync(values.resume, "utf8").split("\n").filter(Boolean).map(JSON.parse)
      : [];
  const known = new Map(kept.map((row) => [JSON.stringify(row.options), row]));
  const cells = adversaries.flatMap((name) =>
    members.flatMap((n) => liars.map((f) => ({ adversary: name, n: Number(n), f: Number(f) }))),
  );
  // Network after network, each cell in turn: a run that is stopped has spent as many on each.
  const all = seedsOf(values.seeds).flatMap((seed) => cells.map((cell) => ({ ...cell, seed })));
  const place = new Map(all.map((options, index) => [JSON.stringify(options), index]));
  const rows = all.flatMap((options) => known.get(JSON.stringify(options)) ?? []);
  const jobs = all.filter((options) => !known.has(JSON.stringify(options)));
  const keep = (row) => {
    rows.push(row);
    if (values.resume) appendFileSync(values.resume, `${JSON.stringify(row)}\n`);
    process.stderr.write(`${rows.length}/${all.length} ${JSON.stringify(row.options)} ${row.seconds.toFixed(1)} s\n`);
  };
  await Promise.all(Array.from({ length: Number(values.cores) }, () => work(jobs, keep)));
  rows.sort((a, b) => place.get(JSON.stringify(a.options)) - place.get(JSON.stringify(b.options)));
  const sums = groups(rows, "adversary", "n", "f").map(rowOf);
  if (values.claims)
    for (const row of sums) console.log(JSON.stringify({ ...row, node: process.version, rules: RULES }));
  else console.log(values.json ? JSON.stringify(rows) : render(sums));
  if (rows.some(({ result }) => result.lost > 0 || result.isApart || result.threw > 0)) process.exitCode = 1;
}

/** "100": 1 to 100; "200..299": these. */
function seedsOf(text) {
  const [from, to] = text.includes("..") ? text.split("..").map(Number) : [1, Number(text)];
  return Array.from({ length: to - from + 1 }, (_, index) => from + index);
}

async function work(jobs, keep) {
  const worker = fork(fileURLToPath(import.meta.url));
  for (let options = jobs.shift(); options; options = jobs.shift()) {
    const startedAt = performance.now();
    const result = await new Promise((resolve, reject) => {
      worker.once("message", resolve);
      worker.once("exit", (code) => reject(new Error(`the run of ${JSON.stringify(options)} ended with ${code}`)));
      worker.send(options);
    });
    worker.removeAllListeners();
    keep({ options, result, seconds: (performance.now() - startedAt) / 1000 });
  }
  worker.kill();
}
