/** `fireflies log`: what the agent tells, from now on. */
import type { Command } from "commander";
import { FirefliesError } from "../../../identity/errors/error.js";
import { LOG } from "../../api/caller/calls.js";
import { follow } from "../../api/caller/client.js";
import { nameOf } from "../../api/place.js";
import { shown, toJson, writeLine } from "../../output.js";
import { untilTold } from "../../signals.js";
import { type AgentOption, examples, withAgent } from "../common.js";

type Entry = Readonly<Record<string, unknown>>;

export function addLog(program: Command): void {
  const command = withAgent(program.command("log").description("print what the agent tells, from now on"));
  examples(command, "log", "log --json");
  command.action(async (options: AgentOption) => {
    const interrupted = untilTold();
    const lines = await follow(options, LOG, interrupted);
    try {
      for await (const entry of lines.values) await writeLine(options.json ? toJson(entry) : lineOf(entry as Entry));
    } finally {
      lines.close();
    }
    if (!interrupted.aborted) throw new FirefliesError("agent-stopped", `${nameOf(options)} has ended.`);
  });
}

/** For people: when, what, and the rest as it is. */
function lineOf({ time, level, event, ...fields }: Entry): string {
  return shown(`${String(time).slice(11, 23)}  ${String(level).padEnd(5)}  ${event}  ${JSON.stringify(fields)}`);
}
