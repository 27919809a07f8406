/** `fireflies sim --search`: generations of attacks, and what broke an invariant. */
import { FirefliesError } from "../../identity/errors/error.js";
import { type Kind, knownKind, SEEDS_PER_GENERATION, scoreOf, survivors, type Tried } from "../../sim/index.js";
import { SEED_MAX } from "../../sim/limits.js";
import { usage } from "../failure.js";
import { counted, print, shown, toJson, writeLine } from "../output.js";
import { VERSION } from "../version.js";
import { attackText, programCommand } from "./program.js";
import { ProgressLine } from "./progress.js";
import { Crew } from "./search-crew.js";
import { type Found, readState, type SearchState, writeState } from "./search-state.js";
import { violationLine } from "./text.js";

export interface SearchOptions {
  readonly json?: boolean;
  readonly from?: number;
  /** When to end: after this many generations, or minutes. */
  readonly generations?: number;
  readonly minutes?: number;
  readonly cores?: number;
  readonly state?: string;
  /** Another simulator than our own: the name of its rules, the address of its module, and the command that plays one on it. */
  readonly rules?: { readonly name: string; readonly entry: string; readonly command: string };
}

/** Generations when nobody says how many, or for how long. */
const GENERATIONS = 10;
const MINUTE_MS = 60_000;

/** Rejects with "sim-violated" when the search found something, also in its earlier pieces. */
export async function searchAttacks(options: SearchOptions): Promise<void> {
  const state = await search(options);
  const { found, next, from } = state;
  const minutes = minutesOf(state.coreMs);
  const programs = next - from;
  const text = `${counted(programs, "program", "programs")}, seeds ${from} to ${next - 1}, ${minutes} minutes of a core; ${counted(found.length, "kind", "kinds")} of attack found`;
  const summary = { from, next, programs, coreMinutes: minutes, found: found.length, nearest: nearestOf(state) };
  await print(options.json ?? false, summary, text);
  const [first] = found;
  if (!first) return;
  throw new FirefliesError("sim-violated", `${violationLine(first.violation)}. Seed ${first.seed} found it.`);
}

/** Searches until its time is over; returns where it stands then. */
export async function search(options: SearchOptions): Promise<SearchState> {
  const { json = false, cores = 1, minutes, state: file, rules } = options;
  const generations = options.generations ?? (minutes === undefined ? GENERATIONS : Number.POSITIVE_INFINITY);
  const endAt = minutes === undefined ? Number.POSITIVE_INFINITY : performance.now() + MINUTE_MS * minutes;
  let state = await beginning(options);
  const crew = await Crew.start(cores, rules?.entry);
  const line = new ProgressLine(json);
  try {
    for (let done = 0; done < generations && performance.now() < endAt; done++) {
      if (state.next + SEEDS_PER_GENERATION > SEED_MAX) break;
      const before = state.found.length;
      state = await generation(state, crew);
      if (file !== undefined) await writeState(file, state);
      for (const found of state.found.slice(before)) {
        line.clear();
        await writeLine(json ? toJson({ found }) : foundText(found, rules?.command));
      }
      line.show(() => progressText(state));
    }
  } finally {
    line.clear();
    crew.stop();
  }
  return state;
}

async function beginning({ from, state: file, rules }: SearchOptions): Promise<SearchState> {
  const held = file === undefined ? undefined : await readState(file);
  const name = rules?.name ?? "";
  if (held && from !== undefined && held.from !== from) {
    throw usage(`The search in ${file} began at seed ${held.from}.`, "Leave out --from, or keep another state.");
  }
  if (held && held.version !== VERSION) {
    throw usage(
      `The search in ${file} is by version ${held.version}, and a seed belongs to one.`,
      "Keep another state.",
    );
  }
  if (held && held.rules !== name) {
    throw usage(`The search in ${file} is one of the rules "${held.rules}".`, `Keep another state for "${name}".`);
  }
  const first = from ?? 0;
  return held ?? { version: VERSION, rules: name, from: first, next: first, coreMs: 0, population: [], found: [] };
}

/** The next block of seeds. What comes of it depends on the state alone, not on how many processes played it. */
async function generation(state: SearchState, crew: Crew): Promise<SearchState> {
  const { next, population } = state;
  const seeds = Array.from({ length: SEEDS_PER_GENERATION }, (_, index) => next + index);
  const { tried, threw, coreMs } = await crew.play(seeds, population);
  for (const { seed, message } of threw) {
    await writeLine(`seed ${seed} of the search threw: ${shown(message)}`, process.stderr);
    // A seed that threw was not searched. The exit code says so too.
    process.exitCode = 1;
  }
  let found = state.found;
  let spentMs = state.coreMs + coreMs;
  for (const broken of tried.filter(({ outcome }) => outcome.violation)) {
    const known: Kind | undefined = knownKind(
      broken,
      found.map(({ kind }) => kind),
    );
    if (known) {
      found = found.map((each) => (each.kind === known ? { ...each, again: each.again + 1 } : each));
      continue;
    }
    const shrunk = await crew.shrink(broken);
    spentMs += shrunk.coreMs;
    const after = broken.seed - state.from + 1;
    found = [...found, { ...shrunk.finding, after, coreMinutes: minutesOf(spentMs), again: 0 }];
  }
  return {
    ...state,
    next: next + SEEDS_PER_GENERATION,
    coreMs: spentMs,
    population: survivors(population, tried),
    found,
  };
}

function foundText({ attack, violation, seed, after, coreMinutes, tries }: Found, command?: string): string {
  return [
    `Found by seed ${seed}, after ${counted(after, "program", "programs")} and ${coreMinutes} minutes of a core; made smaller in ${tries} runs:`,
    attackText(attack),
    violationLine(violation),
    `Repeat it with:\n  ${programCommand(attack, command)}\n`,
  ].join("\n");
}

function progressText({ next, from, found, population, coreMs }: SearchState): string {
  const nearest = population[0] ? `, the nearest ${nearText(population[0])}` : "";
  return `${next - from} programs, ${minutesOf(coreMs)} min of a core, ${found.length} kinds found${nearest}`;
}

function nearText({ seed, outcome: { nearness } }: Tried): string {
  const percent = Math.round(100 * nearness.longest);
  return `seed ${seed}: accused for ${percent} % of the time that removes (score ${scoreOf(nearness).toFixed(3)})`;
}

function nearestOf({ population: [nearest] }: SearchState) {
  return nearest && { seed: nearest.seed, ...nearest.outcome.nearness, attack: nearest.attack };
}

function minutesOf(ms: number): number {
  return Math.round(ms / (MINUTE_MS / 100)) / 100;
}
