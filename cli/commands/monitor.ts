/** `fireflies monitor`: the changes of the agent's view as they happen, first the members that it has. */
import type { Command } from "commander";
import { FirefliesError } from "../../identity/error.js";
import { request } from "../control/client.js";
import { coloured, painter, toJson, writeLine } from "../output.js";
import { type ChangeView, changeLine } from "../views.js";
import { type DirOption, examples, withDir } from "./common.js";

export function addMonitor(program: Command): void {
  const command = withDir(program.command("monitor").description("print changes of the view as they happen"));
  examples(command, "monitor --dir ./a", "monitor --dir ./a --json");
  command.action(async ({ dir, json = false }: DirOption) => {
    const interrupted = new AbortController();
    const stop = () => interrupted.abort();
    process.once("SIGINT", stop);
    process.once("SIGTERM", stop);
    process.stdout.once("error", stop); // `fireflies monitor | head`
    const paint = painter(coloured(process.stdout));
    const connection = await request(dir, { op: "monitor" }, interrupted.signal);
    for await (const frame of connection.frames) {
      if (frame.kind !== "event") continue;
      const change = frame.value as ChangeView;
      await writeLine(json ? toJson(change) : changeLine(change, paint));
    }
    if (!interrupted.signal.aborted) throw new FirefliesError("agent-stopped", `The agent on ${dir} has ended.`);
  });
}
