/** `fireflies http serve`: the agent serves files of a directory to members, while the command runs or for good. */
import { resolve } from "node:path";
import type { Command } from "commander";
import { examples, number } from "../common.js";
import { allowOption, type CarryOptions, carry, withDetach } from "./forward.js";

const CONNECTIONS_PER_PEER_MAX = 256;

interface ServeOptions extends CarryOptions {
  readonly protocol?: string;
  readonly service?: string;
  readonly allow?: readonly string[];
  readonly perMember?: number;
}

export function addHttp(program: Command): void {
  const group = program.command("http").description("HTTP of this member, which others reach by its name");
  const command = withDetach(
    group
      .command("serve <directory>")
      .description("let members read the files of a directory by HTTP, as http://NAME.fireflies/")
      .option("--service <name>", "it is one of the servers of this service, http://SERVICE.fireflies/")
      .option("--protocol <name>", "what members ask for, instead of /http/1.1")
      .addOption(allowOption())
      .option(
        "--per-member <number>",
        "connections of one member at once (128)",
        number(1, CONNECTIONS_PER_PEER_MAX, true),
      ),
  );
  examples(command, "http serve ./public", "http serve ./docs --service docs --allow 'web-*'");
  command.addHelpText(
    "after",
    "\nNames that begin with a dot, and links that lead out of the directory, are not found. `fireflies curl` reads it.",
  );
  command.action(async (directory: string, options: ServeOptions) => {
    const { protocol, service, allow, connections, perMember } = options;
    const settings = { root: resolve(directory), protocol, service, allow, connections };
    await carry(
      "http",
      { ...settings, [options.detach ? "connections_per_peer" : "connectionsPerPeer"]: perMember },
      options,
    );
  });
}
