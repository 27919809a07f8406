/** Where the client's defaults come from: the preset `lan`, and the same with one of its settings changed. */
import { LAN } from "../../dist/gossip/index.js";
import { rate, table } from "./markdown.mjs";
import { COLUMNS, cells, HEADINGS, quality, simulatedOf } from "./quality.mjs";

export const title = "The settings";
export const about = `N = 100, the preset \`lan\` and others that differ from it in one setting (removalMs goes with deltaMs). ${COLUMNS}
A shorter gossip interval buys nothing, because news is pushed; a shorter monitor interval buys time for bytes and for suspicions of those
that stand still. Delta and the removal timeout are paid in full by every crash, and hold the time that news needs in a large network under
attack (the table of dissemination), not in this one. Fewer misses than three change nothing, five cost a second.`;

const VARIANTS = [
  {},
  ...[500, 2000].map((gossipMs) => ({ gossipMs })),
  ...[500, 2000].map((monitorMs) => ({ monitorMs })),
  ...[500, 750, 3000].map((deltaMs) => ({ deltaMs, removalMs: 2 * deltaMs })),
  { removalMs: 6000 },
  ...[1, 5].map((pingLimit) => ({ pingLimit })),
  { ringsPerVisit: 2 },
];

export function jobs(scale) {
  const n = 100;
  const minutes = Math.max(1, Math.round(5 * scale));
  const variants = scale < 1 ? VARIANTS.slice(0, 1) : VARIANTS;
  return variants.map((changed) => ({ changed, n, minutes, seed: 1 }));
}

export function run({ changed, ...options }) {
  return quality({ ...options, settings: { ...LAN, ...changed } });
}

export function render(rows) {
  const lines = rows.map(({ options, result, seconds: spent }) => [
    Object.entries(options.changed)
      .map(([name, value]) => `${name} ${value}`)
      .join(", ") || "lan",
    ...cells(result),
    options.seed,
    rate(simulatedOf(result, options.minutes), spent),
  ]);
  return table(["settings", ...HEADINGS, "seed", "simulated s/s"], lines);
}
