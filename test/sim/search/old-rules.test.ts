/**
 * The rules as they were before R20 (bench/claims/rules/before-r20.mjs): attacks that were found by reading, and by the search,
 * break them, and not the rules as they are. In processes of their own: they run copies of what is in dist/.
 */
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, it, vi } from "vitest";
import type { Program } from "../../../sim/puppets/program.js";
import { PROOF_JAM, TWO_FACED_LEAVER } from "../../../sim/puppets/programs.js";
import type { Attack } from "../../../sim/search/attack.js";
import { play } from "../../../sim/search/play.js";
import { attackWith } from "../../support/sim/attack.js";

vi.setConfig({ testTimeout: 120_000 });

const BENCH = fileURLToPath(new URL("../../../bench/claims/search.mjs", import.meta.url));

/** What the search made of nothing and then smaller: the proof jam, with nobody accused yet (docs/simulator.md). */
const FOUND_PROGRAM: Program = {
  casting: "alone",
  scenes: 1,
  lasts: 24,
  moves: [
    { by: "screen", say: "renewal", when: { at: 0 } },
    { by: "screen", say: "certificate", under: "last", to: "all", when: { at: 0.1 } },
    { by: "screen", say: "live", under: "last", to: "all", when: { at: 0.2 }, bearers: 3 },
    { by: "screen", say: "proof", to: "victim", count: 40, when: { at: 0.6 } },
    {
      by: "screen",
      say: "proof",
      to: "victim",
      when: { from: 1.57, every: 1, times: 20, apart: 0.003 },
      bearers: "any",
    },
    { by: "screen", say: "proof", under: "last", to: "others", when: { at: 0.9 } },
  ],
  withheld: [{ what: "screen", from: "all" }],
};

/** Whom chance takes as its victim depends on the network: it is the one in which the search found it. */
const FOUND_NETWORK = {
  seed: 4006709016,
  members: 12,
  byzantine: 2,
  rings: 19,
  network: { ...attackWith(FOUND_PROGRAM).plan.network, latency: "steady" as const },
};
const FOUND = { program: FOUND_PROGRAM, plan: { ...attackWith(FOUND_PROGRAM).plan, ...FOUND_NETWORK } };

/** The invariant that it breaks under these rules; undefined: none. */
function broken(rules: string, attack: Attack): string | undefined {
  const args = [BENCH, "--rules", rules, "--json", "--program", JSON.stringify(attack)];
  const { stdout, stderr } = spawnSync(process.execPath, args, { encoding: "utf8" });
  if (stderr) throw new Error(stderr);
  return (JSON.parse(stdout) as { violation: { invariant: string } | null }).violation?.invariant;
}

it.each([
  ["two-faced leaver", attackWith(TWO_FACED_LEAVER), "farewells-wait", "S1"],
  ["proof jam", attackWith(PROOF_JAM), "proofs-wait", "S1"],
  ["proof jam that the search found", FOUND, "before-r20", "L2"],
])("the %s breaks the old rules that it used, and not those that there are", (_, attack, rules, invariant) => {
  expect(play(attack).violation).toBeUndefined();
  expect(broken(rules, attack)).toBe(invariant);
});
