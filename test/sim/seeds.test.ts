/**
 * Eighty seeds: each draws a small network with its own liars, links and faults, and all invariants must hold. A
 * failing one prints what it takes to repeat it. `SEEDS=1000..1999` runs others, as nightly does; `npm run swarm` runs them
 * all night.
 */
import { describe, expect, it } from "vitest";
import { p256 } from "../../cli/sim/p256.js";
import { violationLine } from "../../cli/sim/text.js";
import { drawPlan, simulate } from "../../sim/index.js";

const [FROM, TO] = (process.env.SEEDS ?? "0..79").split("..").map(Number) as [number, number];
/** Seeds of one test: short enough to see which part takes its time. */
const BLOCK = 25;
/** Milliseconds for a block on a machine that does ten other things: alone it takes three seconds. */
const BLOCK_TIMEOUT_MS = 120_000;

const blocks: [number, number][] = [];
for (let from = FROM; from <= TO; from += BLOCK) blocks.push([from, Math.min(TO, from + BLOCK - 1)]);

describe("seeds", () => {
  it.each(blocks)(
    "%i to %i hold all invariants",
    async (from, to) => {
      const failed: string[] = [];
      for (let seed = from; seed <= to; seed++) failed.push(...(await complaints(seed)));
      expect(failed).toEqual([]);
    },
    BLOCK_TIMEOUT_MS,
  );
});

/** What is wrong with a seed, and how to see it again. */
async function complaints(seed: number): Promise<string[]> {
  const plan = drawPlan(seed);
  const cryptos = plan.crypto === "p256" ? { p256: await p256(plan) } : {};
  const [violation] = simulate(plan, { cryptos }).result.violations;
  return violation ? [`seed ${seed}: ${violationLine(violation)}; repeat: fireflies sim --replay ${seed}`] : [];
}
