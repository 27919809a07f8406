/** `fireflies monitor`: the changes of the agent's view as they happen, first the members that it has. */
import type { Command } from "commander";
import { FirefliesError } from "../../identity/error.js";
import { request } from "../control/client.js";
import { coloured, painter, toJson, writeLine } from "../output.js";
import { untilTold } from "../signals.js";
import { type ChangeView, changeLine } from "../views.js";
import { type DirOption, examples, withDir } from "./common.js";

export function addMonitor(program: Command): void {
  const command = withDir(program.command("monitor").description("print changes of the view as they happen"));
  examples(command, "monitor --dir ./a", "monitor --dir ./a --json");
  command.action(async ({ dir, json = false }: DirOption) => {
    const unread = new AbortController();
    process.stdout.once("error", () => unread.abort()); // `fireflies monitor | head`
    const interrupted = AbortSignal.any([untilTold(), unread.signal]);
    const paint = painter(coloured(process.stdout));
    const connection = await request(dir, { op: "monitor" }, interrupted);
    for await (const frame of connection.frames) {
      if (frame.kind !== "event") continue;
      const change = frame.value as ChangeView;
      await writeLine(json ? toJson(change) : changeLine(change, paint));
    }
    if (!interrupted.aborted) throw new FirefliesError("agent-stopped", `The agent on ${dir} has ended.`);
  });
}
