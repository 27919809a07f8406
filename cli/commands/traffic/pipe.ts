/** `fireflies accept` and `dial`: one stream of a protocol, standard input and output at each end. */
import type { Command } from "commander";
import { accept, stream } from "../../api/caller/calls.js";
import { type FrameConnection, openFrames } from "../../api/caller/client.js";
import { memberTitle, toJson, writeLine } from "../../output.js";
import { type AgentOption, examples, withAgent } from "../common.js";
import { opened, run } from "./stream.js";

interface PipeOptions extends AgentOption {
  readonly protocol: string;
}

interface Open {
  readonly event: "open";
  readonly id: string;
  readonly name?: string;
}

const JSON_HELP =
  "\nWith --json a line on standard error says when it is open, and with whom; standard output has the bytes alone.";

export function addPipes(program: Command): void {
  addAccept(program);
  addDial(program);
}

function addAccept(program: Command): void {
  const command = withAgent(
    program
      .command("accept")
      .description("take one stream of a protocol: its bytes here, standard input there")
      .requiredOption("--protocol <name>", "what members ask for, as /x/pipe"),
  ).addHelpText("after", JSON_HELP);
  examples(command, "accept --protocol /x/pipe > file", "accept --protocol /x/pipe --json < answer");
  command.action(async (options: PipeOptions) => {
    await pipe(await openFrames(options, accept(options.protocol)), options);
  });
}

function addDial(program: Command): void {
  const command = withAgent(
    program
      .command("dial <member>")
      .description("open a stream of a protocol to a member: standard input there, its bytes here")
      .requiredOption("--protocol <name>", "what it accepts or forwards, as /x/pipe"),
  ).addHelpText("after", JSON_HELP);
  examples(command, "dial bob --protocol /x/pipe < file", "dial bob --protocol /tcp/22");
  command.action(async (member: string, options: PipeOptions) => {
    await pipe(await opened(options, stream(member, options.protocol)), options);
  });
}

async function pipe(connection: FrameConnection, { json = false }: PipeOptions): Promise<void> {
  const onEvent = async (data: Uint8Array) => {
    const event = JSON.parse(new TextDecoder().decode(data)) as Open;
    const { id, name } = event;
    await writeLine(json ? toJson(event) : `open with ${memberTitle({ id, name })}`, process.stderr);
  };
  try {
    await run(connection, process.stdin, process.stdout, { json: false, onEvent, isTwoWay: true });
  } finally {
    connection.close();
    process.stdin.destroy();
  }
}
