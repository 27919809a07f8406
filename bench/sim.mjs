/**
 * How fast a simulation runs: events and simulated seconds per second of one core (of processor time), and the memory it
 * takes, by the number of members. Each row is a process of its own, so that its memory is its own.
 *
 *   npm run build && node bench/sim.mjs [--members 100,1000,10000] [--byzantine 0,0.2] [--adversary all] [--budget 10]
 */
import { fork } from "node:child_process";
import { parseArgs } from "node:util";

const { values } = parseArgs({
  options: {
    members: { type: "string", default: "100,1000,10000" },
    byzantine: { type: "string", default: "0,0.2" },
    adversary: { type: "string", default: "all" },
    budget: { type: "string", default: "10" },
    row: { type: "string" },
  },
});
/** Simulated milliseconds between two looks at the clock: under attack these may be a second of work. */
const STEP_MS = 50;
/** Simulated milliseconds before the measurement: first rounds, and the compiler. At most as long as the measurement takes. */
const WARM_UP_MS = 2000;

if (values.row) await measure(JSON.parse(values.row));
else await all();

/** Milliseconds of processor time so far: what others do on the machine does not count. */
function spent() {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

/** One row, measured for `budget` seconds of processor time. */
async function measure({ members, byzantine, adversary, budget }) {
  const { Simulation, adversary: named } = await import("../dist/sim/index.js");
  const attack = byzantine > 0 && named?.(adversary);
  const began = spent();
  const simulation = new Simulation({
    members,
    byzantine,
    seed: 1,
    ...(attack && { behaviours: () => [attack.create()].flat() }),
  });
  const built = spent() - began;
  const warm = spent();
  while (simulation.now < WARM_UP_MS && spent() - warm < budget * 1000) simulation.run(STEP_MS);
  const [start, now, events] = [spent(), simulation.now, simulation.events];
  let elapsed = 0;
  while (elapsed < budget * 1000) {
    simulation.run(STEP_MS);
    elapsed = spent() - start;
  }
  process.send?.({
    members,
    rings: simulation.ringCount,
    attack: attack ? `${adversary} ${byzantine}` : byzantine > 0 ? `none ${byzantine}` : "-",
    built: built / 1000,
    rate: (simulation.now - now) / elapsed,
    events: ((simulation.events - events) / elapsed) * 1000,
    each: ((simulation.now - now) / 1000) * members,
    inputs: simulation.events - events,
    rss: process.memoryUsage().rss / 2 ** 20,
    digest: simulation.digest(),
  });
  process.disconnect?.();
}

async function all() {
  console.log(`node ${process.version}, ${values.budget} s a row`);
  console.log("members  rings  attack      build s  simulated s/s  events/s  events/(member s)  RSS MiB");
  for (const byzantine of values.byzantine.split(",").map(Number)) {
    for (const members of values.members.split(",").map(Number)) {
      print(await row({ members, byzantine, adversary: values.adversary, budget: Number(values.budget) }));
    }
  }
}

function row(options) {
  const child = fork(new URL(import.meta.url), ["--row", JSON.stringify(options)]);
  return new Promise((resolve, reject) => {
    child.once("message", resolve);
    child.once("exit", (code) => reject(new Error(`the row ended with ${code}`)));
  });
}

function print({ members, rings, attack, built, rate, events, each, inputs, rss }) {
  const columns = [
    String(members).padStart(7),
    String(rings).padStart(6),
    `  ${attack.padEnd(10)}`,
    built.toFixed(2).padStart(8),
    rate.toFixed(rate < 10 ? 2 : 0).padStart(14),
    events.toFixed(0).padStart(9),
    (inputs / each).toFixed(2).padStart(18),
    rss.toFixed(0).padStart(8),
  ];
  console.log(columns.join(" "));
}
