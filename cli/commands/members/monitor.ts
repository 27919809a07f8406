/** `fireflies monitor`: the changes of the agent's view as they happen, first the members that it has. */
import type { Command } from "commander";
import { FirefliesError } from "../../../identity/errors/error.js";
import { changes } from "../../api/caller/calls.js";
import { follow } from "../../api/caller/client.js";
import { nameOf } from "../../api/place.js";
import { coloured, painter, toJson, writeLine } from "../../output.js";
import { untilTold } from "../../signals.js";
import { type ChangeView, changeLine } from "../../views.js";
import { examples, withAgent } from "../common.js";
import { type FilterOptions, filterOf, withFilter } from "./members.js";

export function addMonitor(program: Command): void {
  const command = withFilter(
    withAgent(program.command("monitor").description("print changes of the view as they happen")),
  ).option("--paths", "also changes of the paths to members: direct, reversed, punched, relayed");
  examples(command, "monitor", "monitor --name 'web-*' --json");
  command.action(async (options: FilterOptions & { readonly paths?: boolean }) => {
    const { json = false, paths = false } = options;
    const interrupted = untilTold();
    const paint = painter(coloured(process.stdout));
    const connection = await follow(options, changes({ ...filterOf(options), paths }), interrupted);
    try {
      for await (const value of connection.values) {
        const change = value as ChangeView;
        await writeLine(json ? toJson(change) : changeLine(change, paint));
      }
    } finally {
      connection.close();
    }
    if (!interrupted.aborted) throw new FirefliesError("agent-stopped", `${nameOf(options)} has ended.`);
  });
}
