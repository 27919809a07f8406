/**
 * Rules R1 to R22 attacked one by one (bench/claims/rules.mjs, the short form): with the rule the promise holds, and without
 * it, it breaks, which also shows that the run would see it. In a process of its own: it runs copies of what is in dist/.
 */
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";

interface Verdict {
  readonly isBroken: boolean;
  readonly figure: string;
}

interface Row {
  readonly rule: string;
  readonly off: string;
  readonly attack: string;
  readonly withIt: Verdict;
  readonly without: Verdict;
}

/** Left to the long form. */
const LONG = ["R13"];
const BENCH = fileURLToPath(new URL("../../bench/claims/rules.mjs", import.meta.url));
const bench = spawnSync(process.execPath, [BENCH, "--short", "--json"], { encoding: "utf8", timeout: 240_000 });
if (bench.stderr) throw new Error(bench.stderr);
const rows = bench.stdout
  .trim()
  .split("\n")
  .map((line) => JSON.parse(line) as Row);

it.each(rows)("$rule: $attack; harmless with it, not without ($off)", ({ withIt, without }) => {
  expect(withIt).toMatchObject({ isBroken: false });
  expect(without).toMatchObject({ isBroken: true });
});

it("every rule is attacked", () => {
  const rules = Array.from({ length: 22 }, (_, index) => `R${index + 1}`);
  expect([...new Set(rows.map(({ rule }) => rule))]).toEqual(rules.filter((rule) => !LONG.includes(rule)));
});
