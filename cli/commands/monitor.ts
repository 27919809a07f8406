/** `fireflies monitor`: the changes of the agent's view as they happen, first the members that it has. */
import type { Command } from "commander";
import { FirefliesError } from "../../identity/errors/error.js";
import { request } from "../control/client.js";
import { coloured, painter, toJson, writeLine } from "../output.js";
import { untilTold } from "../signals.js";
import { type ChangeView, changeLine } from "../views.js";
import { examples, withDir } from "./common.js";
import { type FilterOptions, filterOf, withFilter } from "./members.js";

export function addMonitor(program: Command): void {
  const command = withFilter(
    withDir(program.command("monitor").description("print changes of the view as they happen")),
  ).option("--paths", "also changes of the paths to members: direct, reversed, punched, relayed");
  examples(command, "monitor", "monitor --name 'web-*' --json");
  command.action(async (options: FilterOptions & { readonly paths?: boolean }) => {
    const { dir, json = false, paths = false } = options;
    const interrupted = untilTold();
    const paint = painter(coloured(process.stdout));
    const connection = await request(dir, { op: "monitor", ...filterOf(options), paths }, interrupted);
    try {
      for await (const frame of connection.frames) {
        if (frame.kind !== "event") continue;
        const change = frame.value as ChangeView;
        await writeLine(json ? toJson(change) : changeLine(change, paint));
      }
    } finally {
      connection.close();
    }
    if (!interrupted.aborted) throw new FirefliesError("agent-stopped", `The agent on ${dir} has ended.`);
  });
}
