/** Flags of a command line that its command does not have. Needs a build. */
import type { Command } from "commander";
import { createProgram } from "../../dist/cli/program.js";

const PROGRAM: Command = await createProgram();

export function unknownFlags(words: readonly string[]): string[] {
  let command = PROGRAM;
  const flags = new Set<string | undefined>();
  for (const word of words) {
    const next = command.commands.find((each: Command) => each.name() === word);
    if (next === undefined) continue;
    command = next;
    for (const { long } of command.options) flags.add(long);
  }
  const given = words.filter((word) => word.startsWith("--")).map((word) => word.split("=")[0]);
  return given.filter((flag): flag is string => !flags.has(flag));
}
