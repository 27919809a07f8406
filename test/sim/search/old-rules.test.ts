/**
 * The rules as they were before R20 (bench/claims/rules/before-r20.mjs): attacks that were found by reading break them, and not the
 * rules as they are. In processes of their own: they run copies of what is in dist/.
 */
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, it, vi } from "vitest";
import type { Program } from "../../../sim/puppets/program.js";
import { PROOF_JAM, TWO_FACED_LEAVER } from "../../../sim/puppets/programs.js";
import { play } from "../../../sim/search/play.js";
import { attackWith } from "../../support/sim/attack.js";

vi.setConfig({ testTimeout: 120_000 });

const BENCH = fileURLToPath(new URL("../../../bench/claims/search.mjs", import.meta.url));

/** The invariant that it breaks under these rules; undefined: none. */
function broken(rules: string, program: Program): string | undefined {
  const args = [BENCH, "--rules", rules, "--json", "--program", JSON.stringify(attackWith(program))];
  const { stdout, stderr } = spawnSync(process.execPath, args, { encoding: "utf8" });
  if (stderr) throw new Error(stderr);
  return (JSON.parse(stdout) as { violation: { invariant: string } | null }).violation?.invariant;
}

it.each([
  ["two-faced leaver", TWO_FACED_LEAVER, "farewells-wait"],
  ["proof jam", PROOF_JAM, "proofs-wait"],
])("the %s breaks the old rules, and those that it used alone", (_, program, rules) => {
  expect(play(attackWith(program)).violation).toBeUndefined();
  expect(broken("before-r20", program)).toBe("S1");
  expect(broken(rules, program)).toBe("S1");
});
