// Rules R1 to R22 attacked one by one: each is switched off in a copy of the compiled simulator, and the same run is made
// with the rule and without it. Prints a table; ends with 1 when a promise breaks with all rules on.
// Run: npx tsc -b && node bench/claims/rules.mjs [--short] [--json] [R5 R9 ...]
//   --short  one attack for each rule, and no long ones (of the others it is only tried whether their switches fit)
//   --json   rows as one line of JSON each
import { parseArgs } from "node:util";
import { words } from "./rule-switches.mjs";
import { mutant, tryEdits } from "./rules/mutant.mjs";
import { RULES } from "./rules/table.mjs";

const { values, positionals } = parseArgs({
  options: { short: { type: "boolean", default: false }, json: { type: "boolean", default: false } },
  allowPositionals: true,
});
const attacked = RULES.filter(({ rule }) => positionals.length === 0 || positionals.includes(rule));
const whole = await mutant([]);
const rows = [];

if (!values.json) {
  console.log("| rule | switched off | run | with it | without it |");
  console.log("| ---- | ------------ | --- | ------- | ---------- |");
}
for (const { rule, off, attack, edits, isLong, run } of attacked) {
  if (values.short && (isLong || rows.some((row) => row.rule === rule))) {
    tryEdits(edits);
    continue;
  }
  const row = { rule, off, attack, withIt: run(whole), without: run(await mutant(edits)) };
  rows.push(row);
  console.log(values.json ? JSON.stringify(row) : lineOf(row));
}
const harmless = rows.filter(({ without }) => !without.isBroken);
const broken = rows.filter(({ withIt }) => withIt.isBroken);
if (!values.json) {
  for (const { rule, off } of harmless)
    console.log(`\n${rule}, switched off (${off}): this run does not show what it is for.`);
  for (const { rule } of broken) console.log(`\n${rule}: the promise breaks with all rules on.`);
}
process.exitCode = broken.length > 0 ? 1 : 0;

function lineOf({ rule, off, attack, withIt, without }) {
  return `| ${rule} | ${off} | ${attack} | ${words(withIt)} | ${words(without)} |`;
}
