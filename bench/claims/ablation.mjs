/** Claim 8: what push, reconciliation, adaptive pings and local health each contribute. */
import { PARTS, switchOff } from "./ablation-switches.mjs";
import { rate, table } from "./markdown.mjs";
import { COLUMNS, cells, HEADINGS, quality, simulatedOf } from "./quality.mjs";

export const title = "The ablation";
export const about = `N = 100. ${COLUMNS}
Push makes changes and crashes known sooner; reconciliation brings them to everybody, which push alone does not. Adaptive pings notice a
crash sooner; of mistakes at such a loss they save none, since a call stands behind the pings in any case. Local health changes
nothing beside stalls so short; of the suspicions beyond removals, which are mostly those of the deaf about others, it saves almost
half. That the stalled are suspected more often with push is its speed: an accusation reaches more views before its answer.`;

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
