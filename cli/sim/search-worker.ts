/**
 * A child process of a search: plays attacks by their seeds. The simulator that it plays them on is named by its first
 * argument, so that a search can run on one with other rules.
 */
import type { finding, Tried, tried } from "../../sim/index.js";

/** What a child is asked. */
export type Order =
  | { readonly kind: "population"; readonly population: readonly Tried[] }
  | { readonly kind: "try"; readonly seeds: readonly number[] }
  | { readonly kind: "shrink"; readonly tried: Tried };

/** What it answers to "try" and "shrink". A seed that threw is the search's own fault, and is told apart. */
export interface Report {
  readonly tried: readonly Tried[];
  readonly threw: readonly { readonly seed: number; readonly message: string }[];
  readonly finding?: ReturnType<typeof finding>;
  /** Milliseconds of a core that it took. */
  readonly coreMs: number;
}

interface Searcher {
  readonly tried: typeof tried;
  readonly finding: typeof finding;
}

const entry = process.argv[2] ?? new URL("../../sim/index.js", import.meta.url).href;
const searcher: Searcher = await import(entry);
let population: readonly Tried[] = [];

process.on("message", (order: Order) => {
  if (order.kind === "population") population = order.population;
  else process.send?.(order.kind === "try" ? tryAll(order.seeds) : shrinkOne(order.tried));
});
// The parent has gone: nobody waits for what is under way.
process.on("disconnect", () => process.exit());
process.send?.("ready");

function tryAll(seeds: readonly number[]): Report {
  const before = process.cpuUsage();
  const done: Tried[] = [];
  const threw: { seed: number; message: string }[] = [];
  for (const seed of seeds) {
    try {
      done.push(searcher.tried(seed, population));
    } catch (error) {
      threw.push({ seed, message: (error as Error).stack ?? String(error) });
    }
  }
  return { tried: done, threw, coreMs: coreMsSince(before) };
}

function shrinkOne(broken: Tried): Report {
  const before = process.cpuUsage();
  return { tried: [], threw: [], finding: searcher.finding(broken), coreMs: coreMsSince(before) };
}

function coreMsSince(before: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(before);
  return Math.round((user + system) / 1_000);
}
