/** The options of `fireflies sim`, and the plans that they stand for. */
import {
  choosePlan,
  drawPlan,
  FAULT_KINDS,
  type FaultKind,
  type LatencyName,
  type Plan,
  type PlanSize,
  type PRESETS,
  parsePlan,
} from "../../sim/index.js";
import { usage } from "../failure.js";
import { readInput } from "../input-file.js";
import { adversariesNamed } from "./adversaries.js";

export interface SimOptions {
  readonly json?: boolean;
  readonly members: number;
  readonly byzantine: number;
  readonly rings: number | "auto";
  readonly adversary: string;
  readonly seconds: number;
  readonly seed: number;
  readonly replay?: number;
  readonly seeds?: SeedRange;
  readonly size: PlanSize;
  readonly plan?: string;
  readonly faults: string;
  readonly start: Plan["start"];
  readonly preset: keyof typeof PRESETS;
  readonly latency: LatencyName;
  readonly loss: number;
  readonly duplicates: number;
  readonly reordering: number;
  readonly bandwidth: number | undefined;
  readonly nat: number;
  readonly crypto: Plan["crypto"];
  readonly trace?: string;
  readonly report?: string;
  readonly shrink: boolean;
  readonly program?: string;
  readonly search?: boolean;
  readonly from?: number;
  readonly generations?: number;
  readonly minutes?: number;
  readonly cores?: number;
  readonly state?: string;
}

export interface SeedRange {
  readonly from: number;
  /** Included. */
  readonly to: number;
}

/** Options that say which plan: those of one group exclude those of another. */
const CHOICES = [
  "members",
  "byzantine",
  "rings",
  "adversary",
  "seconds",
  "seed",
  "faults",
  "start",
  "preset",
  "latency",
  "loss",
  "duplicates",
  "reordering",
  "bandwidth",
  "nat",
  "crypto",
] as const;
/** What is chosen when nothing is. */
export const DEFAULTS: Pick<SimOptions, (typeof CHOICES)[number]> = {
  members: 100,
  byzantine: 0,
  rings: "auto",
  adversary: "all",
  seconds: 60,
  seed: 1,
  faults: "crash,describe",
  start: "whole",
  preset: "lan",
  latency: "lan",
  loss: 0,
  duplicates: 0,
  reordering: 0,
  bandwidth: undefined,
  nat: 0,
  crypto: "fake",
};
const SOURCES = ["replay", "seeds", "plan", "program", "search"] as const;
/** Sources that are one run of a plan, which a trace and a report may show. */
const RUNS: readonly string[] = ["replay", "plan"];
/** What is about a search alone. */
const SEARCHING = ["from", "generations", "minutes", "cores", "state"] as const;

/** Throws "cli-usage" when a plan is given in two ways. `given`: the names of the options on the command line. */
export function checkTogether(given: readonly string[]): void {
  const [source, second] = SOURCES.filter((name) => given.includes(name));
  if (given.includes("size") && !given.includes("replay") && !given.includes("seeds")) {
    throw usage("--size is about the draws of seeds.", "Use it with --replay or --seeds.");
  }
  const searching = SEARCHING.find((name) => given.includes(name));
  if (searching !== undefined && source !== "search")
    throw usage(`--${searching} is about a search.`, "Use it with --search.");
  if (source === undefined) return;
  const other = second ?? CHOICES.find((name) => given.includes(name));
  if (other !== undefined) throw usage(`--${source} brings a plan of its own.`, `Leave out --${other}.`);
  if (RUNS.includes(source)) return;
  const single = ["trace", "report"].find((name) => given.includes(name));
  if (single !== undefined) throw usage(`--${single} is about one run of a plan.`, `Leave out --${source}.`);
}

/** The one plan that the options stand for. Throws "cli-usage". */
export async function planOf(options: SimOptions): Promise<Plan> {
  if (options.replay !== undefined) return drawPlan(options.replay, options.size);
  if (options.plan !== undefined) return await givenPlan(options.plan);
  const { latency, loss, duplicates, reordering, bandwidth } = options;
  return outOfRangeIsUsage(() =>
    choosePlan({
      ...options,
      adversaries: adversariesNamed(options.adversary),
      faults: faultsNamed(options.faults),
      network: { latency, loss, duplicates, reordering, bytesPerSecond: bandwidth ?? null },
    }),
  );
}

async function givenPlan(given: string): Promise<Plan> {
  const text = given.trimStart().startsWith("{") ? given : String(await readInput(given));
  const plan = outOfRangeIsUsage(() => parsePlan(text), "The plan cannot be used: ");
  adversariesNamed(plan.adversaries.join(",") || "none");
  return plan;
}

function faultsNamed(text: string): readonly FaultKind[] {
  if (text === "all") return FAULT_KINDS;
  if (text === "none") return [];
  return text.split(",").map((name) => {
    const kind = FAULT_KINDS.find((each) => each === name.trim());
    if (kind !== undefined) return kind;
    throw usage(`There is no fault "${name}".`, `There are: all, none, ${FAULT_KINDS.join(", ")}.`);
  });
}

function outOfRangeIsUsage<T>(make: () => T, before = ""): T {
  try {
    return make();
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    const text = `${before}${error.message}.`;
    throw usage(text.charAt(0).toUpperCase() + text.slice(1));
  }
}

/** The words after `fireflies` that run a seed's own draw. */
export function replayCommand(seed: number, size: PlanSize): string {
  return `sim --replay ${seed}${size === "small" ? "" : ` --size ${size}`}`;
}

/** The words after `fireflies` that repeat this run: what differs from the defaults, and the seed. */
export function commandOf(options: SimOptions, plan: Plan): string {
  if (options.replay !== undefined) return replayCommand(options.replay, options.size);
  if (options.plan !== undefined) return `sim --plan '${JSON.stringify(plan)}'`;
  const words = CHOICES.filter((name) => name === "seed" || options[name] !== DEFAULTS[name]);
  return ["sim", ...words.flatMap((name) => [`--${name}`, String(options[name])])].join(" ");
}
