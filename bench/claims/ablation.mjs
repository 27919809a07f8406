/** Claim 8: what push, reconciliation, adaptive pings and local health each contribute. */
import { PARTS, switchOff } from "./ablation-switches.mjs";
import { rate, table } from "./markdown.mjs";
import { COLUMNS, cells, HEADINGS, quality, simulatedOf } from "./quality.mjs";

export const title = "The ablation";
export const about = `N = 100. ${COLUMNS}
The first two columns are of one change and one crash each: some tenths of a second in the one and a second in the other are
chance. Push makes both known sooner. Reconciliation brings what pushes have missed; in this run they missed nobody. Adaptive pings
find more of those that stand still, and of mistakes at such a loss they save none, since a call stands behind the pings in any case.
Local health changes nothing beside stalls so short; of the suspicions beyond removals, which are mostly those of the deaf about others, it
saves two fifths. That the stalled are suspected more often with push is its speed: an accusation reaches more views before its answer.`;

export function jobs(scale) {
  const n = 100;
  const minutes = Math.max(1, Math.round(5 * scale));
  return ["nothing", ...PARTS].map((without) => ({ without, n, minutes, seed: 1 }));
}

export function run({ without, ...options }) {
  const restore = without === "nothing" ? () => {} : switchOff(without);
  try {
    return quality(options);
  } finally {
    restore();
  }
}

export function render(rows) {
  const lines = rows.map(({ options, result, seconds: spent }) => [
    options.without,
    ...cells(result),
    options.seed,
    rate(simulatedOf(result, options.minutes), spent),
  ]);
  return table(["without", ...HEADINGS, "seed", "simulated s/s"], lines);
}
