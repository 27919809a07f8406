// Rules R1 to R19 attacked one by one: each is switched off in a copy of the compiled simulator, and the same run is made
// with the rule and without it. Prints a table; ends with 1 when a promise breaks with all rules on.
// Run: npx tsc -b && node bench/claims/rules.mjs [R5 R9 ...]
import { mutant } from "./rules/mutant.mjs";
import { RULES } from "./rules/table.mjs";

const wanted = new Set(process.argv.slice(2));
const rows = RULES.filter(({ rule }) => wanted.size === 0 || wanted.has(rule));
const whole = await mutant([]);

console.log("| rule | switched off | run | with it | without it |");
console.log("| ---- | ------------ | --- | ------- | ---------- |");
let broken = 0;
const harmless = [];
for (const { rule, off, attack, edits, run } of rows) {
  const withIt = run(whole);
  const without = run(await mutant(edits));
  console.log(`| ${rule} | ${off} | ${attack} | ${words(withIt)} | ${words(without)} |`);
  if (withIt.isBroken) broken += 1;
  if (!without.isBroken) harmless.push(`${rule} (${off})`);
}
if (harmless.length > 0) console.log(`\nSwitched off without harm in these runs: ${harmless.join(", ")}.`);
if (broken > 0) console.log(`\n${broken} promises broken with all rules on.`);
process.exitCode = broken > 0 ? 1 : 0;

function words({ isBroken, figure }) {
  return isBroken ? `**broken**: ${figure}` : figure;
}
