/** The `fireflies` command: its subcommands, its help, and how all of them fail. */
import { Command, CommanderError } from "commander";
import { FirefliesError } from "../identity/errors/error.js";
import { addCommands } from "./command-list.js";
import { asFailure, EXIT_CODES, EXIT_OK, EXIT_UNREAD, exitCodeOf, failureLine, usage } from "./failure.js";
import { isUnread, write, writeLine } from "./output.js";
import { VERSION } from "./version.js";

const FIRST_STEPS = `
First steps, each in a terminal of its own:
  $ fireflies ca
  $ fireflies agent --join "$(fireflies ca token alice)"
  $ fireflies agent --dir ./bob --join "$(fireflies ca token bob)"    (a second one on this machine)
  $ fireflies members
or all at once:
  $ fireflies demo`;

function exitCodeHelp(): string {
  return `\nExit codes:\n${EXIT_CODES.map(({ code, meaning }) => `  ${String(code).padEnd(4)} ${meaning}`).join("\n")}`;
}

/** With all commands, or those that `isWanted`, and of the others the name only. */
export async function createProgram(isWanted: (name: string) => boolean = () => true): Promise<Command> {
  const program = new Command("fireflies")
    .description("Membership and gossip for services that must not be fooled.")
    .version(VERSION)
    .enablePositionalOptions()
    .showSuggestionAfterError()
    .configureOutput({ writeErr: () => {} }) // run() says it, in the form that was asked for.
    .addHelpText("after", `${FIRST_STEPS}\n${exitCodeHelp()}`);
  await addCommands(program, isWanted);
  exitByThrowing(program);
  return program;
}

/** Runs the command line and returns the exit code; failures are reported on stderr. Arguments without node and script. */
export async function run(args: readonly string[]): Promise<number> {
  const words = args.filter((arg) => !arg.startsWith("-"));
  const [name] = words[0] === "help" ? words.slice(1) : words;
  // What completes all commands has to know them all.
  const program = await createProgram((command) => command === name || name === "completion");
  try {
    await parse(program, args);
    return EXIT_OK;
  } catch (error) {
    if (error instanceof FirefliesError && error.code === "output-failed" && isUnread()) return EXIT_UNREAD;
    const failure = error instanceof CommanderError ? misuse(error, commandOf(program, args)) : asFailure(error);
    // Who has closed standard error as well sees the exit code.
    await writeLine(failureLine(failure, args.includes("--json")), process.stderr).catch(() => {});
    return exitCodeOf(failure);
  }
}

async function parse(program: Command, args: readonly string[]): Promise<void> {
  try {
    await program.parseAsync(args, { from: "user" });
  } catch (error) {
    // Help and version leave commander as errors with exit code 0. It has written them without waiting.
    if (!(error instanceof CommanderError) || error.exitCode !== 0) throw error;
    await write(process.stdout, "");
  }
}

function misuse(error: CommanderError, command: Command): FirefliesError {
  const text = problemOf(error, command);
  const stop = /[.?!)]$/.test(text) ? "" : ".";
  return usage(`${text.charAt(0).toUpperCase()}${text.slice(1)}${stop}`, `See \`${nameOf(command)} --help\`.`);
}

function problemOf(error: CommanderError, command: Command): string {
  if (error.code === "commander.help") return "A command is missing";
  // `ca` takes no argument, so what follows it was meant as a command.
  const isCommand = error.code === "commander.excessArguments" && command.commands.length > 0;
  if (isCommand) return `Unknown command '${command.args[0]}'`;
  return error.message.replace(/^error: /, "").replaceAll("\n", " ");
}

/** The command that the arguments mean, as far as they name one: its help is the one to read. */
function commandOf(program: Command, args: readonly string[]): Command {
  let command = program;
  for (const arg of args) command = command.commands.find((next) => next.name() === arg) ?? command;
  return command;
}

function nameOf(command: Command): string {
  return command.parent ? `${nameOf(command.parent)} ${command.name()}` : command.name();
}

function exitByThrowing(command: Command): void {
  command.exitOverride();
  for (const sub of command.commands) exitByThrowing(sub);
}
