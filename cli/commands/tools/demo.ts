/** `fireflies demo`: see the whole of it in one minute. */
import type { Command } from "commander";
import { examples, type JsonOption, withJson } from "../common.js";

interface DemoOptions extends JsonOption {
  readonly once?: boolean;
  /** False with --no-open. */
  readonly open: boolean;
}

export function addDemo(program: Command): void {
  const command = withJson(
    program
      .command("demo")
      .description("an authority and five members as processes, which live through failures and a liar"),
  );
  command
    .option("--once", "tell the story and end, also in a terminal")
    .option("--no-open", "open no browser; the page's address is told all the same");
  examples(command, "demo", "demo --once", "demo --once --json");
  command.action(async ({ once = false, json = false, open }: DemoOptions) => {
    const { runDemo } = await import("../../demo/demo.js");
    await runDemo({ once: once || json, json, open });
  });
}
