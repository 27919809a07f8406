/** The commands as a shell completes them: read from the program itself, so that no command is forgotten. */
import type { Command, Option } from "commander";

/** What is completed behind an option: names of files, of directories, one of these words, or nothing known. */
export type Value = "file" | "directory" | "any" | readonly string[];

export interface CompletedOption {
  /** "--json" */
  readonly flag: string;
  readonly description: string;
  /** Undefined: nothing follows it. */
  readonly value: Value | undefined;
}

export interface CompletedCommand {
  /** From the program on: "", "/ca", "/ca/token". */
  readonly path: string;
  readonly commands: readonly { readonly name: string; readonly description: string }[];
  readonly options: readonly CompletedOption[];
  /** Words that may stand as its first argument. */
  readonly words: readonly string[];
}

export function completionTable(program: Command): readonly CompletedCommand[] {
  return rows(program, "");
}

function rows(command: Command, path: string): CompletedCommand[] {
  const { commands } = command;
  const own: CompletedCommand = {
    path,
    commands: commands.map((each) => ({ name: each.name(), description: plain(each.description()) })),
    options: [...command.options.filter(({ hidden, long }) => !hidden && long).map(completed), HELP],
    words: command.registeredArguments[0]?.argChoices ?? [],
  };
  return [own, ...commands.flatMap((each) => rows(each, `${path}/${each.name()}`))];
}

const HELP: CompletedOption = { flag: "--help", description: "display help for command", value: undefined };

function completed(option: Option): CompletedOption {
  return { flag: option.long!, description: plain(option.description), value: valueBehind(option) };
}

function valueBehind({ required, optional, argChoices, flags }: Option): Value | undefined {
  if (!required && !optional) return undefined;
  if (argChoices !== undefined) return argChoices;
  const placeholder = /[<[]([^>\]]*)[>\]]/.exec(flags)?.[1] ?? "";
  if (/dir/.test(placeholder)) return "directory";
  return /file|pem|path/.test(placeholder) ? "file" : "any";
}

/** One line without what shells read as their own. */
function plain(text: string): string {
  return text.replaceAll(/[\r\n\t]+/g, " ").replaceAll(/['"`\\$:[\]]/g, "");
}
