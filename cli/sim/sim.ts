/** `fireflies sim`: runs plans, tells how it went, and makes a failing one small enough to read. */
import { FirefliesError } from "../../identity/errors/error.js";
import { PUBLIC_FILE_MODE } from "../../identity/files/files.js";
import { checkOutput, writeOutput } from "../../identity/files/output-file.js";
import {
  ADVERSARIES,
  drawPlan,
  type Measured,
  type Plan,
  Run,
  type RunOptions,
  type Shrunk,
  shrink,
  type TraceLine,
  type Violation,
} from "../../sim/index.js";
import { usage } from "../failure.js";
import { counted, print, toJson, writeLine } from "../output.js";
import { outputFile } from "../output-file.js";
import { renderPage } from "../report/page.js";
import { playerOf, readPlayer } from "../report/player.js";
import { RECORDED_MEMBERS_MAX, Recorder } from "../report/recorder.js";
import { VERSION } from "../version.js";
import { commandOf, planOf, replayCommand, type SeedRange, type SimOptions } from "./options.js";
import { p256 } from "./p256.js";
import { ProgressLine, rounded, runTimed, type Timed } from "./progress.js";
import { planCommand, planLine, resultText, shrunkText, traceText, violationLine } from "./text.js";

/** Time for making a failing plan smaller, milliseconds: what is not found by then is read as it is. */
const SHRINK_MS_MAX = 60_000;

/** Rejects with "sim-violated" when an invariant did not hold. */
export async function simulateOne(options: SimOptions): Promise<void> {
  const { json = false } = options;
  const file = options.report === undefined ? undefined : await reportFile(options.report);
  const plan = await planOf(options);
  const command = commandOf(options, plan);
  if (!json) await writeLine(planLine(plan));
  const recorder = file === undefined ? undefined : recorderOf(plan);
  const run = await newRun(plan, {
    withHistory: file !== undefined,
    ...(recorder && { watcher: recorder }),
    ...(options.trace && { trace: [options.trace] }),
  });
  recorder?.begin(run.simulation.members);
  checkTraced(plan, options.trace);
  const timed = runTimed(run, new ProgressLine(json));
  const measured = run.measured();
  const failure = await explain(measured, options);
  if (file !== undefined) await report(file, withTrace(measured, failure), { timed, command, recorder });
  if (json) await writeLine(toJson(jsonOf(measured, timed, failure)));
  else await tell(measured, timed, failure, options);
  const [first] = measured.result.violations;
  if (first) throw violated(`${violationLine(first)}.`, `Repeat it with \`fireflies ${command}\`.`);
}

/** All seeds of a range, each with its own draw. */
export async function simulateSeeds({ from, to }: SeedRange, { size, json = false }: SimOptions): Promise<void> {
  const line = new ProgressLine(json);
  const failed: number[] = [];
  let [events, virtualMs] = [0, 0];
  const started = performance.now();
  for (let seed = from; seed <= to; seed++) {
    const plan = drawPlan(seed, size);
    const run = (await newRun(plan)).finish();
    const { result } = run.measured();
    events += result.events;
    virtualMs += run.simulation.now;
    line.show(() => `seed ${seed} of ${from} to ${to}, ${failed.length} failed`);
    const [first] = result.violations;
    if (json) await writeLine(toJson({ seed, ...result }));
    if (!first) continue;
    failed.push(seed);
    line.clear();
    if (!json) await writeLine(`seed ${seed}: ${violationLine(first)}\n  fireflies ${replayCommand(seed, size)}`);
  }
  line.clear();
  const rate = rounded(virtualMs / Math.max(1, performance.now() - started));
  const seeds = to - from + 1;
  const text = `${seeds} seeds, ${failed.length} failed; ${events.toLocaleString("en-US")} events, ${rate} times real time`;
  await print(json, { seeds, failed, events, rate }, text);
  const [worst] = failed;
  if (worst !== undefined) {
    throw violated(
      `${failed.length} of ${seeds} seeds failed.`,
      `Repeat the first with \`fireflies ${replayCommand(worst, size)}\`.`,
    );
  }
}

async function newRun(plan: Plan, more: Partial<RunOptions> = {}): Promise<Run> {
  const cryptos = plan.crypto === "p256" ? { p256: await p256(plan) } : {};
  return new Run(plan, { cryptos, ...more });
}

function checkTraced({ members, faults }: Plan, name: string | undefined): void {
  const joining = faults.filter(({ kind }) => kind === "join").length;
  const last = members + joining - 1;
  if (name === undefined || (/^m\d+$/.test(name) && Number(name.slice(1)) <= last)) return;
  throw usage(`There is no member "${name}": they are called m0 to m${last}.`);
}

interface Failure {
  readonly shrunk: Shrunk | undefined;
  /** The members that the first violation is about, and what befell them. */
  readonly members: readonly string[];
  readonly trace: readonly TraceLine[];
}

/** A failing run once more, smaller when that can be had, with a trace of the member concerned. */
async function explain(
  { plan, result }: Measured,
  { shrink: mayShrink, json }: SimOptions,
): Promise<Failure | undefined> {
  const [violation] = result.violations;
  if (!violation) return undefined;
  const line = new ProgressLine(json ?? false);
  const shrunk = mayShrink ? await smaller(plan, violation, line) : undefined;
  const last = shrunk ?? { plan, violation };
  const members = [last.violation.member, ...(last.violation.text.match(/\bm\d+\b/g) ?? [])];
  const traced = await newRun(last.plan, { trace: members });
  runTimed(traced, line);
  return { shrunk, members, trace: traced.measured().trace };
}

async function smaller(plan: Plan, violation: Violation, line: ProgressLine): Promise<Shrunk> {
  const end = performance.now() + SHRINK_MS_MAX;
  const cryptos = plan.crypto === "p256" ? { p256: await p256(plan) } : {};
  return shrink(plan, violation, {
    run: (candidate) => {
      const run = new Run(candidate, { cryptos });
      do {
        if (performance.now() > end) return "stop";
        const { members } = candidate;
        line.show(() => `making it smaller: ${members} members, ${candidate.seconds} s`);
      } while (run.violations().length === 0 && run.step());
      return run.violations()[0] ?? "passes";
    },
  });
}

function jsonOf({ plan, result, trace }: Measured, { rate, elapsedMs }: Timed, failure: Failure | undefined) {
  const { faults, ...options } = plan;
  return {
    ...result,
    rate,
    elapsedSeconds: Math.round(elapsedMs) / 1_000,
    units: { detection: "s", dissemination: "s" },
    ...(trace.length > 0 && { trace }),
    ...(failure && { failure }),
    options: { ...options, faults: faults.length },
  };
}

async function tell(
  measured: Measured,
  timed: Timed,
  failure: Failure | undefined,
  options: SimOptions,
): Promise<void> {
  if (options.trace !== undefined) await writeLine(traceText(options.trace, measured.trace));
  await writeLine(resultText(measured.result, timed));
  if (failure?.shrunk) await writeLine(`\n${shrunkText(failure.shrunk)}`);
  if (failure) await writeLine(`\n${traceText(failure.members.join(" and "), failure.trace)}\n`);
  if (failure && !failure.shrunk) await writeLine(`Repeat it with:\n  ${planCommand(measured.plan)}`);
  if (options.report !== undefined) await writeLine(`Report: ${options.report}`);
}

/** Of a failing run the trace of the member concerned goes into its report, when it is of that very run. */
function withTrace(measured: Measured, failure: Failure | undefined): Measured {
  if (!failure || failure.shrunk?.tries) return measured;
  return { ...measured, trace: failure.trace };
}

/** Asked before the run, which takes its time. */
async function reportFile(file: string): Promise<string> {
  const { output } = outputFile(file, { bytes: false });
  if (typeof output !== "string") throw usage("Standard output has the words of the run.", "Give the report a file.");
  await checkOutput(output);
  return output;
}

/** Undefined for a run of more members than a page shows. */
function recorderOf(plan: Plan): Recorder | undefined {
  const { members, byzantine, rings, adversaries, settings, start, seed } = plan;
  if (members > RECORDED_MEMBERS_MAX) return undefined;
  const title = `${counted(members, "member", "members")}, ${byzantine} Byzantine, seed ${seed}`;
  return new Recorder({ title, rings, deltaMs: settings.deltaMs, isWhole: start === "whole", adversaries });
}

interface Reported {
  readonly timed: Timed;
  readonly command: string;
  readonly recorder: Recorder | undefined;
}

async function report(file: string, measured: Measured, { timed, command, recorder }: Reported): Promise<void> {
  const { rate } = timed;
  const empty = recorder && (await readPlayer());
  const player = empty === undefined ? undefined : playerOf(empty, recorder?.lines() ?? []);
  const about = new Map([...ADVERSARIES].map(([name, adversary]) => [name, adversary.about]));
  const page = renderPage(measured, { about, rate, command: `fireflies ${command}`, version: VERSION, player });
  await writeOutput(file, page, { mode: PUBLIC_FILE_MODE });
}

function violated(message: string, advice?: string): FirefliesError {
  return new FirefliesError("sim-violated", message, { advice });
}
