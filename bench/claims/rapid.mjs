/** Claim 5: the experiments of Rapid (Suresh et al., ATC 2018) on faults that are neither up nor down. */
import { egressLoss, flipFlop } from "../../dist/sim/index.js";
import { groups, rate, seconds, table } from "./markdown.mjs";
import { overlay } from "./run.mjs";

export const title = "Crashes at once, flip-flops and heavy loss";
export const about = `The faults last five minutes, flip-flops three. Healthy members must stay, faulty ones be out or consistently in, and views equal within a
minute and steady from then on. Rule R13 is there for flip-flops: who hears nothing for 20 s of each 40 s comes back once;
after its second removal it would have to last for 30 s, and it never does.`;
const WARM_UP_MS = 20_000;
const WATCH_MS = 300_000;
/** Four and a half of their turns: among a thousand members each takes minutes to simulate. */
const WATCH_FLIP_FLOPS_MS = 180_000;
const STEP_MS = 1000;
/** Time to come to an agreement; from then on views must be steady. */
const FIRST_MS = 60_000;

const hundredth = (n) => Math.ceil(n / 100);
/** By name: how many of n members have it, how it begins, and how long it is watched. */
const FAULTS = new Map([
  [
    "10 crashes at once",
    {
      count: () => 10,
      begin: (simulation, faulty) => {
        for (const seat of faulty) simulation.crash(seat);
      },
      watchMs: WATCH_MS,
    },
  ],
  [
    "1 % flip-flop, 20 s one way",
    {
      count: hundredth,
      begin: ({ network }, faulty) => network.add(flipFlop("flip-flop", faulty, 20_000)),
      watchMs: WATCH_FLIP_FLOPS_MS,
    },
  ],
  [
    "1 % lose 80 % of what they send",
    {
      count: hundredth,
      begin: ({ network }, faulty) => network.add(egressLoss("egress", faulty, 0.8)),
      watchMs: WATCH_MS,
    },
  ],
]);

export function jobs(scale) {
  const sizes = scale >= 1 ? [100, 1000] : [100];
  return sizes.flatMap((n) => [...FAULTS.keys()].map((kind) => ({ n, kind, seed: 1 })));
}

export function run({ n, kind, seed }) {
  const watch = new Watch();
  const simulation = overlay({ n, plannedFor: 0.2, seed, watchers: [watch] });
  simulation.run(WARM_UP_MS);
  const { count, begin, watchMs } = FAULTS.get(kind);
  const faulty = simulation.members.slice(0, count(n));
  watch.faulty = new Set(faulty.map(({ id }) => id));
  begin(simulation, faulty);
  return { ...follow(simulation, faulty, watch, watchMs), healthyRemoved: watch.healthy, changes: watch.changes };
}

/** When healthy views differed for the last time, undefined while they do, and for how long after the first minute. */
function follow(simulation, faulty, watch, watchMs) {
  const healthy = simulation.members.filter((seat) => !faulty.includes(seat));
  const startedAt = simulation.now;
  let equalSince = 0;
  let unequalMs = 0;
  while (simulation.now < startedAt + watchMs) {
    simulation.run(STEP_MS);
    const passed = simulation.now - startedAt;
    const same = sameViews(healthy);
    // Before anyone has noticed anything they are equal too: the last difference is what counts.
    if (!same) equalSince = undefined;
    else equalSince ??= passed;
    if (!same && passed > FIRST_MS) unequalMs += STEP_MS;
    if (passed === FIRST_MS) watch.changes = 0;
  }
  const outAtEnd = faulty.filter(({ id }) => healthy.every(({ machine }) => !machine.member(id))).length;
  return {
    rings: simulation.ringCount,
    equalAfter: equalSince,
    unequalAfterAMinute: unequalMs,
    out: outAtEnd,
    of: faulty.length,
    simulated: simulation.now / 1000,
  };
}

/** Do these hold the same members as live? */
function sameViews(seats) {
  const [first, ...others] = seats;
  const size = first.machine.members().length;
  const live = new Set([first.id, ...first.machine.members().map(({ id }) => id)]);
  return others.every((seat) => {
    const members = seat.machine.members();
    return members.length === size && members.every(({ id }) => live.has(id));
  });
}

class Watch {
  faulty = new Set();
  healthy = 0;
  /** Comings and goings of the faulty, in all healthy views. */
  changes = 0;

  told(seat, output) {
    if (output.kind !== "failed" && output.kind !== "joined") return;
    if (this.faulty.has(seat.id)) return;
    if (this.faulty.has(output.member.id)) this.changes += 1;
    else if (output.kind === "failed") this.healthy += 1;
  }
}

export function render(rows) {
  const lines = groups(rows, "n", "kind", "seed").map(([{ options, result, seconds: spent }]) => [
    options.n,
    result.rings,
    options.kind,
    options.seed,
    result.healthyRemoved,
    seconds(result.equalAfter, 0),
    seconds(result.unequalAfterAMinute, 0),
    `${result.out} of ${result.of}`,
    result.changes,
    rate(result.simulated, spent),
  ]);
  const headings = ["N", "rings", "fault", "seed", "healthy removed", "healthy views equal for good after"];
  const more = [
    "unequal after the first minute",
    "faulty out at the end",
    "comings and goings after the first minute, all views",
  ];
  return table([...headings, ...more, "simulated s/s"], lines);
}
