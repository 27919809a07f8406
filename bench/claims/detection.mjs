/** Claim 2: from a crash to the first accusation, and until all correct views are without the dead. */
import { groups, percent, rate, seconds, sum, table } from "./markdown.mjs";
import { correctOf, overlay, quantile } from "./run.mjs";

export const title = "Detection of a crash";
export const about = `Correct members crash, a second or more apart, with their hosts: nothing answers any more. Liars keep the dead:
they never accuse, drop what stands against the dead, and say their old notes again. With fewer than a hundred crashes p99 is
the largest of them.`;
const WARM_UP_MS = 20_000;
/** After the last crash: who is not out of all views by then stands as "not at all". */
const PATIENCE_MS = 30_000;
/** By N: crashes in one network, a tenth of it at most; the time between two, milliseconds; networks; shares of liars. */
const SIZES = new Map([
  [100, { crashes: 10, apartMs: 3000, networks: 5, shares: [0, 0.1, 0.2, 0.3] }],
  [1000, { crashes: 20, apartMs: 1000, networks: 1, shares: [0, 0.1, 0.2, 0.3] }],
  [5000, { crashes: 5, apartMs: 1000, networks: 1, shares: [0, 0.2] }],
]);

export function jobs(scale) {
  return [...SIZES].flatMap(([n, { crashes, networks, shares }]) => {
    const seeds = Array.from({ length: scale < 1 ? 1 : networks * Math.round(scale) }, (_, index) => index + 1);
    return seeds.flatMap((seed) =>
      shares.map((f) => ({ n, f, adversary: f === 0 ? "none" : "keeper", seed, crashes })),
    );
  });
}

export function run({ n, f, adversary, seed, crashes }) {
  const watch = new Watch();
  const simulation = overlay({ n, f, adversary, seed, watchers: [watch] });
  simulation.run(WARM_UP_MS);
  const left = correctOf(simulation);
  for (let count = 0; count < crashes; count++) {
    const [victim] = left.splice((count * 7919) % left.length, 1);
    watch.begin(victim, simulation.now);
    simulation.crash(victim);
    simulation.run(SIZES.get(n).apartMs);
  }
  simulation.run(PATIENCE_MS);
  const times = watch.times((id) => left.every(({ machine }) => !machine.member(id)));
  return { rings: simulation.ringCount, ...times, simulated: simulation.now / 1000 };
}

/** Of each victim: when the first correct member accuses it, and when the last one is told that it failed. */
class Watch {
  #victims = new Map();

  begin(victim, now) {
    this.#victims.set(victim.id, { crashedAt: now, accusedAt: Infinity, goneAt: 0 });
  }

  told(seat, output, now) {
    const victim = seat.isCorrect && this.#victims.get(output.member?.id);
    if (!victim) return;
    if (output.kind === "suspected") victim.accusedAt = Math.min(victim.accusedAt, now);
    if (output.kind === "failed") victim.goneAt = Math.max(victim.goneAt, now);
  }

  /** Milliseconds from each crash, in their order. */
  times(isGone) {
    const victims = [...this.#victims];
    return {
      first: victims.map(([, { crashedAt, accusedAt }]) => accusedAt - crashedAt),
      all: victims.map(([id, { crashedAt, goneAt }]) => (isGone(id) ? goneAt - crashedAt : Infinity)),
    };
  }
}

export function render(rows) {
  const lines = groups(rows, "n", "f").map((group) => {
    const [{ options, result }] = group;
    // What never happened is null in the results.
    const all = (name) => group.flatMap((row) => row.result[name].map((time) => time ?? Infinity));
    const figures = (values) => [0.5, 0.99].map((share) => seconds(quantile(values, share))).join(" / ");
    return [
      options.n,
      percent(options.f),
      result.rings,
      sum(group.map((row) => row.options.crashes)),
      group.map((row) => row.options.seed).join(", "),
      figures(all("first")),
      figures(all("all")),
      rate(sum(group.map((row) => row.result.simulated)), sum(group.map((row) => row.seconds))),
    ];
  });
  const headings = ["N", "liars", "rings", "crashes", "seeds", "first accusation, p50 / p99"];
  return table([...headings, "out of all correct views, p50 / p99", "simulated s/s"], lines);
}
