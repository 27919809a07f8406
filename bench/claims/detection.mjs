/** Claim 2: from a crash to the first accusation, and until all correct views are without the dead. */
import { groups, percent, rate, seconds, table } from "./markdown.mjs";
import { correctOf, overlay, quantile } from "./run.mjs";

export const title = "Detection of a crash";
export const about = `Correct members crash one after the other, with their hosts: nothing answers any more. Liars keep the dead:
they never accuse, drop what stands against the dead, and say their old notes again.`;
const WARM_UP_MS = 20_000;
/** Between two crashes: the first is over by then. */
const APART_MS = 20_000;

export function jobs(scale) {
  const cells = [];
  for (const [n, crashes] of [
    [100, 20],
    [1000, 8],
    [5000, 2],
  ]) {
    for (const f of n === 5000 ? [0, 0.2] : [0, 0.1, 0.2, 0.3]) {
      const adversary = f === 0 ? "none" : "keeper";
      cells.push({ n, f, adversary, seed: 1, crashes: Math.max(2, Math.round(crashes * scale)) });
    }
  }
  return cells;
}

export function run({ n, f, adversary, seed, crashes }) {
  const watch = new Watch();
  const simulation = overlay({ n, f, adversary, seed, watchers: [watch] });
  simulation.run(WARM_UP_MS);
  const victims = correctOf(simulation);
  const first = [];
  const all = [];
  for (let count = 0; count < crashes; count++) {
    const [victim] = victims.splice((count * 7919) % victims.length, 1);
    const startedAt = simulation.now;
    watch.begin(victim);
    simulation.crash(victim);
    simulation.run(APART_MS);
    first.push(watch.accusedAt - startedAt);
    all.push(victims.every(({ machine }) => !machine.member(victim.id)) ? watch.goneAt - startedAt : Infinity);
  }
  const figures = (values) => ({ p50: quantile(values, 0.5), p99: quantile(values, 0.99) });
  return {
    rings: simulation.ringCount,
    crashes,
    first: figures(first),
    all: figures(all),
    simulated: simulation.now / 1000,
  };
}

/** When the first correct member accuses the victim, and when the last one is told that it failed. */
class Watch {
  begin(victim) {
    this.victim = victim;
    this.accusedAt = Infinity;
    this.goneAt = 0;
  }

  told(seat, output, now) {
    if (!seat.isCorrect || output.member?.id !== this.victim?.id) return;
    if (output.kind === "suspected") this.accusedAt = Math.min(this.accusedAt, now);
    if (output.kind === "failed") this.goneAt = Math.max(this.goneAt, now);
  }
}

export function render(rows) {
  const lines = groups(rows, "n", "f").map(([{ options, result, seconds: spent }]) => [
    options.n,
    percent(options.f),
    result.rings,
    result.crashes,
    `${seconds(result.first.p50)} / ${seconds(result.first.p99)}`,
    `${seconds(result.all.p50)} / ${seconds(result.all.p99)}`,
    rate(result.simulated, spent),
  ]);
  const headings = [
    "N",
    "liars",
    "rings",
    "crashes",
    "first accusation, p50 / p99",
    "out of all correct views, p50 / p99",
  ];
  return table([...headings, "simulated s/s"], lines);
}
