/**
 * Plays flooders that are drawn from seeds (sim/topics/search/draw-flood.ts), each beside the same network with quiet liars: what
 * correct members hold and check, how long honest messages take, and how much time of a CPU the run costs.
 *
 *   node bench/claims/topics-floods.mjs --seeds 1..200 [--minutes 10] [--results FILE] [--worst 5]
 *
 * A finding is a broken invariant, a lost message of a correct publisher, or messages of which one in a hundred takes LATE_MS
 * longer than beside quiet liars, and longer than in any of CALM_RUNS such networks: a lost packet delays one message by as much.
 * Exits with 1 when there was one. With --results each finding is kept as a line of JSON: a
 * plan that `playTopics` repeats.
 */
import { appendFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { playTopics } from "../../dist/sim/topics/play.js";
import { drawFloodPlan } from "../../dist/sim/topics/search/draw-flood.js";

const { values } = parseArgs({
  options: {
    seeds: { type: "string", default: "1..50" },
    minutes: { type: "string", default: "Infinity" },
    results: { type: "string" },
    worst: { type: "string", default: "5" },
  },
});
/** A message that a flood holds up longer than this, milliseconds: two rounds of repair. */
const LATE_MS = 1_000;
/** Networks with quiet liars, each with another seed, that a late one is compared with. */
const CALM_RUNS = 40;

const [first, last] = values.seeds.split("..").map(Number);
const until = performance.now() + Number(values.minutes) * 60_000;
const rows = [];
let found = 0;
for (let seed = first; seed <= last && performance.now() < until; seed++) {
  const plan = drawFloodPlan(seed);
  const { program: _, ...calm } = plan;
  const [flood, quiet] = [timed(plan), timed(calm)];
  const { handed } = flood.figures;
  const row = {
    seed,
    deeds: plan.program.deeds.map(
      ({ kinds = ["all"], to, everyMs, count }) => `${kinds} to ${to} ${count}/${everyMs} ms`,
    ),
    late: Math.round((flood.figures.p99 ?? 0) - (quiet.figures.p99 ?? 0)),
    checks: Math.round((flood.checks - quiet.checks) / Math.max(1, handed)),
    // Of all members together, for each packet that liars sent: what it made correct ones do, and what it took to make it.
    microseconds: Math.round((1e6 * (flood.seconds - quiet.seconds)) / Math.max(1, flood.packets)),
    // Of correct members, for each byte that liars sent.
    answered: Math.round((10 * (flood.bytes - quiet.bytes)) / Math.max(1, flood.liarBytes)) / 10,
    megabytes: Math.round(flood.most.foreignBytes / 1_048_576),
    logs: flood.most.logs + flood.most.bareLogs,
  };
  rows.push(row);
  const [violation] = flood.violations;
  const why = violation
    ? `${violation.invariant} ${violation.member} ${violation.text}`
    : flood.figures.lost > 0
      ? `${flood.figures.lost} lost`
      : row.late > LATE_MS && flood.figures.p99 > latestOf(calm)
        ? `${row.late} ms late`
        : undefined;
  if (why === undefined) continue;
  found += 1;
  console.log(`seed ${seed}: ${why}; ${row.deeds.join("; ")}`);
  if (values.results) appendFileSync(values.results, `${JSON.stringify({ seed, why, plan })}\n`);
}
console.log(`${rows.length} seeds from ${first} on, ${found} findings`);
for (const name of ["late", "checks", "microseconds", "answered", "megabytes", "logs"]) {
  const worst = rows.toSorted((a, b) => b[name] - a[name]).slice(0, Number(values.worst));
  console.log(
    `most ${name}: ${worst.map((row) => `${row[name]} (seed ${row.seed}: ${row.deeds.join("; ")})`).join(" | ")}`,
  );
}
process.exitCode = found > 0 ? 1 : 0;

/** What one message in a hundred takes beside quiet liars, in the worst of some networks. */
function latestOf(calm) {
  const seeds = Array.from({ length: CALM_RUNS }, (_, index) => calm.plan.seed + 1 + index);
  return Math.max(...seeds.map((seed) => playTopics({ ...calm, plan: { ...calm.plan, seed } }).figures.p99 ?? 0));
}

function timed(plan) {
  const begun = process.cpuUsage();
  const played = playTopics(plan);
  const { user, system } = process.cpuUsage(begun);
  const { spent } = played.overlay;
  const liarBytes = [...spent.liars.values()].reduce((sum, bytes) => sum + bytes, 0);
  return { ...played, overlay: undefined, packets: spent.liarPackets, liarBytes, seconds: (user + system) / 1e6 };
}
