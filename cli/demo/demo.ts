/** `fireflies demo`: tells the story once, and in a terminal goes on until Ctrl-C. Whatever happens, it cleans up. */
import { basename, relative } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { FirefliesError } from "../../identity/index.js";
import { deadlineIn, withDeadline } from "../../net/index.js";
import { openBrowser } from "../browser/open.js";
import { untilTold } from "../signals.js";
import { JsonNarrator, type Narrator, TextNarrator } from "./narrator.js";
import { MEMBER_NAMES, Stage } from "./stage.js";
import { kill, restart, STORY, type Step } from "./story.js";

export interface DemoOptions {
  readonly once: boolean;
  readonly json: boolean;
  /** Has the browser show the page, where somebody watches. */
  readonly open: boolean;
}

/** Milliseconds between two kills after the story. */
const ENCORE_MS = 15_000;
const ENCORE_DEADLINE_MS = 60_000;

/** Rejects with "demo-failed" when a step does not happen. */
export async function runDemo({ once, json, open }: DemoOptions): Promise<void> {
  const interrupted = untilTold();
  const isLive = process.stdout.isTTY === true && !json;
  const narrator = json ? new JsonNarrator() : new TextNarrator(isLive);
  const stage = new Stage(() => narrator.changed(stage.table));
  const abandon = () => stage.closeNow();
  process.once("exit", abandon);
  const started = performance.now();
  try {
    await narrator.say(`A certificate authority and five members, each a process of its own, in ${stage.dir}\n`);
    for (const step of STORY) {
      await perform(step, stage, narrator, interrupted);
      if (step.name === "join" && isLive && !once && open) await show(stage, narrator);
    }
    if (isLive && !once) await goOn(stage, narrator, interrupted);
    await narrator.finish(Math.round(performance.now() - started));
  } finally {
    await stage.close();
    process.off("exit", abandon);
  }
}

async function show({ page }: Stage, narrator: Narrator): Promise<void> {
  if (page !== undefined && (await openBrowser(page))) await narrator.say("    your browser shows it\n");
}

async function perform(step: Step, stage: Stage, narrator: Narrator, interrupted: AbortSignal): Promise<void> {
  narrator.begin(step);
  const started = performance.now();
  const elapsed = () => Math.round(performance.now() - started);
  try {
    const told = await withDeadline({ deadline: deadlineIn(step.deadlineMs), signal: interrupted }, (signal) =>
      step.run(stage, signal),
    );
    await narrator.end(step, elapsed(), told);
  } catch (cause) {
    const error = failure(step, cause, interrupted);
    await narrator.fail(step, elapsed(), error);
    throw error;
  }
}

function failure(step: Step, cause: unknown, interrupted: AbortSignal): FirefliesError {
  if (interrupted.aborted) return new FirefliesError("cancelled", "The demonstration was interrupted.");
  const why = cause instanceof Error ? cause.message : String(cause);
  return new FirefliesError("demo-failed", `The step "${step.name}" failed: ${why}`, { cause });
}

/** What to type for this command: a clone has no `fireflies` on the path, and a project has it behind npx. */
function typedAs(): string {
  const script = process.argv[1] ?? "";
  if (basename(script) === "main.js") return `node ${relative(process.cwd(), script)}`;
  return process.env.npm_command === "exec" ? "npx fireflies" : "fireflies";
}

/** After the story: members die and come back, one after the other, until somebody has seen enough. */
async function goOn(stage: Stage, narrator: Narrator, interrupted: AbortSignal): Promise<void> {
  const programs = ["members --watch", "monitor", "status", "ping ben"].map(
    (command) => `    ${typedAs()} ${command} --dir ${stage.dirOf("ada")}\n`,
  );
  await narrator.say(
    `\nThe network goes on until Ctrl-C, and is seen at ${stage.page}. Look at it from another terminal, for instance with\n${programs.join("")}`,
  );
  try {
    for (let turn = 1; !interrupted.aborted; turn++) {
      await sleep(ENCORE_MS, undefined, { signal: interrupted });
      // Never ada: somebody may be looking over her shoulder.
      const name = MEMBER_NAMES[1 + (turn % (MEMBER_NAMES.length - 1))]!;
      await withDeadline({ deadline: deadlineIn(ENCORE_DEADLINE_MS), signal: interrupted }, async (signal) => {
        await narrator.say(`kill -9 of ${name}: ${(await kill(stage, signal, name)).text}`);
        await narrator.say((await restart(stage, signal, name)).text);
      });
    }
  } catch (error) {
    if (!interrupted.aborted) throw error;
  }
}
