/** The protocol's rules one by one: the same run with a rule and with the rule switched off. `rules.mjs` is its command. */
import { table } from "./markdown.mjs";
import { mutant } from "./rules/mutant.mjs";
import { RULES } from "./rules/table.mjs";

export const title = "Each rule switched off";
export const about = `Rules R1 to R22 of docs/protocol.md under the attack or the fault that each of them is there for. Without the rule a few lines of
the compiled simulator are changed, which stand word for word in bench/claims/rules/. \`node bench/claims/rules.mjs\` prints the same,
and the suite asserts it but for two long runs.`;

export function jobs(scale) {
  return RULES.filter(({ isLong }) => scale >= 1 || !isLong).map(({ rule, off, attack }) => ({ rule, off, attack }));
}

export async function run({ rule, off }) {
  const { edits, run: attacked } = RULES.find((row) => row.rule === rule && row.off === off);
  return { withIt: attacked(await mutant([])), without: attacked(await mutant(edits)) };
}

export function words({ isBroken, figure }) {
  return isBroken ? `**broken**: ${figure}` : figure;
}

export function render(rows) {
  const lines = rows.map(({ options: { rule, off, attack }, result }) => [
    ...[rule, off, attack],
    ...[words(result.withIt), words(result.without)],
  ]);
  return table(["rule", "switched off", "run", "with it", "without it"], lines);
}
