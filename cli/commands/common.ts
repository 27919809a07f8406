/** Options that many commands share, and how a command reads them. */
import { type Command, InvalidArgumentError, Option } from "commander";
import { DRAIN_MS, DRAIN_MS_MAX } from "../../client/talk/drain-deadline.js";
import { LOG_LEVELS } from "../../identity/logger.js";
import { agentDirectory, type Place } from "../api/caller/agent-directory.js";
import { configOption, dirOption } from "../api/caller/place-options.js";
import type { AgentPlace } from "../api/place.js";

export interface JsonOption {
  readonly json?: boolean;
}
export interface DirOption extends JsonOption {
  readonly dir: string;
}
/** Of a command that speaks to an agent. */
export interface AgentOption extends JsonOption, AgentPlace {}

export function withJson(command: Command): Command {
  return command.option("--json", "print JSON, one document per line");
}

/** For a command that speaks to an agent: its action gets `dir`, absolute, whatever was said, and what names the agent. */
export function withAgent(command: Command): Command {
  return withDir(command, "directory of the running agent")
    .option("--as <name>", "which of the agent's identities: its name, id or directory; without it the first")
    .option("--api <url>", "an agent elsewhere: unix:/path, http://127.0.0.1:PORT or https://[ID@]HOST:PORT")
    .option(
      "--api-token-file <file>",
      "with --api: file of mode 0600 with its token; else the identity in --dir calls it",
    )
    .option("--api-root <file>", "with --api and a token: the root certificate of its network");
}

/** For a command about a member's directory: its action gets `dir`, absolute, whatever was said. */
export function withDir(command: Command, whose: string): Command {
  withJson(command)
    .addOption(dirOption(`${whose}, instead of dir in the configuration or $XDG_STATE_HOME/fireflies/agent`))
    .addOption(configOption());
  return command.hook("preAction", async (_, acting) => {
    acting.setOptionValue("dir", await agentDirectory(acting.opts<Place>()));
  });
}

export function examples(command: Command, ...lines: readonly string[]): Command {
  return command.addHelpText("after", `\nExamples:\n${lines.map((line) => `  $ fireflies ${line}`).join("\n")}`);
}

/** A number within limits, as an option's parser. */
export function number(min: number, max: number, whole: boolean): (text: string) => number {
  return (text) => {
    const value = text.trim() === "" ? Number.NaN : Number(text);
    if (value >= min && value <= max && (!whole || Number.isInteger(value))) return value;
    throw new InvalidArgumentError(`It must be a ${whole ? "whole " : ""}number from ${min} to ${max}.`);
  };
}

/** Seconds that a stop waits. */
export function drainOption(meaning: string): Option {
  const seconds = number(0, DRAIN_MS_MAX / 1_000, false);
  return new Option("--drain <seconds>", meaning).argParser(seconds).default(DRAIN_MS / 1_000);
}

/** How a long-running command tells what it does. */
export function logOption(): Option {
  return new Option("--log <form>", "how it tells what it does; json is one document per line, as --json")
    .choices(["text", "json"])
    .default("text");
}

export function logLevelOption(): Option {
  return new Option("--log-level <level>", "what is less is not told").choices([...LOG_LEVELS]).default("info");
}

/** The given options by their long flags, without those that are no configuration. */
export function flagsOf(
  options: Readonly<Record<string, unknown>>,
  leftOut: readonly string[],
): Record<string, unknown> {
  const kept = Object.entries(options).filter(([name, value]) => value !== undefined && !leftOut.includes(name));
  return Object.fromEntries(
    kept.map(([name, value]) => [name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`), value]),
  );
}
