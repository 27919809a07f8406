/** `fireflies stream`: standard input to a member, and what it sends back to standard output. */

import type { Readable, Writable } from "node:stream";
import type { Command } from "commander";
import { FirefliesError } from "../../../identity/errors/error.js";
import { stream } from "../../api/caller/calls.js";
import { ANSWER_TIMEOUT_MS, type ApiCall, type FrameConnection, openFrames } from "../../api/caller/client.js";
import type { AgentPlace } from "../../api/place.js";
import { STREAM_CHUNK_BYTES } from "../../api/wire.js";
import { unreadable } from "../../input-file.js";
import { toJson, write, writeLine } from "../../output.js";
import { type AgentOption, examples, withAgent } from "../common.js";
import { TerminalText } from "./terminal-text.js";

/** Milliseconds for the agent to reach the member, which has a deadline of its own, and to say so. */
const OPEN_TIMEOUT_MS = 2 * ANSWER_TIMEOUT_MS;

interface StreamOptions extends AgentOption {
  readonly protocol?: string;
}

type Stdout = Writable & { readonly isTTY?: boolean };

export function addStream(program: Command): void {
  const command = program
    .command("stream")
    .description("open a stream to a member: standard input there, its answer here");
  withAgent(command.argument("<member>", "its name, its id or the beginning of that")).option(
    "--protocol <name>",
    "whose handler takes it there, as /chat/1.0; the nameless one without it",
  );
  examples(command, "stream bob < file > echo", "stream bob --json < file", "stream bob --protocol /chat/1.0");
  command.addHelpText("after", "\nWith --json each message that comes back is a line with its bytes in base64.");
  command.action(async (id: string, options: StreamOptions) => {
    const connection = await opened(options, stream(id, options.protocol));
    try {
      await run(connection, process.stdin, process.stdout, { json: options.json ?? false });
    } finally {
      connection.close();
      process.stdin.destroy();
    }
  });
}

/** What is done with a stream, apart from its bytes. */
export interface RunOptions {
  readonly json: boolean;
  readonly onEvent?: (event: Uint8Array) => Promise<void>;
  /** Goes on until its own input has ended as well, when the other side has ended its direction. */
  readonly isTwoWay?: boolean;
}

/** What fails first ends it: also an agent that is gone while standard input has more, or nothing yet. */
export async function run(
  connection: FrameConnection,
  input: Readable,
  output: Stdout,
  { json, onEvent = async () => {}, isTwoWay = false }: RunOptions,
): Promise<void> {
  let problem = new FirefliesError("agent-stopped", "The agent ended before the stream did.");
  const fail = (error: FirefliesError) => {
    problem = error;
    connection.close();
  };
  const show = shower(output, json);
  const copied = copyIn(connection, input).catch((cause: unknown) => fail(unreadable("Standard input", cause)));
  let isEnded = false;
  try {
    for await (const frame of connection.frames) {
      if (frame.kind === "data") await show(frame.data);
      if (frame.kind === "event") await onEvent(frame.data);
      if (frame.kind !== "end") continue;
      if (!isTwoWay) return;
      isEnded = true;
    }
    if (!isEnded) throw problem;
    await copied;
  } finally {
    await show(undefined);
  }
}

/** Takes what comes, and undefined at the end: as it is, or as lines that are safe to look at. */
export function shower(output: Stdout, json: boolean): (data: Uint8Array | undefined) => Promise<void> {
  const text = output.isTTY === true && !json ? new TerminalText() : undefined;
  return async (data) => {
    if (text) await write(output, data === undefined ? text.end() : text.take(data));
    else if (data === undefined) return;
    else if (json) await writeLine(toJson({ event: "data", data: Buffer.from(data).toString("base64") }), output);
    else await write(output, data);
  };
}

/** Rejects as the agent says, or when it says nothing. */
export async function opened(agent: AgentPlace, call: ApiCall): Promise<FrameConnection> {
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(), OPEN_TIMEOUT_MS);
  try {
    return await openFrames(agent, call, late.signal);
  } catch (error) {
    throw late.signal.aborted ? unopened() : error;
  } finally {
    clearTimeout(timer);
  }
}

function unopened(): FirefliesError {
  return new FirefliesError("agent-stopped", `The agent opened no stream within ${OPEN_TIMEOUT_MS / 1_000} s.`);
}

async function copyIn(connection: FrameConnection, input: Readable): Promise<void> {
  for await (const chunk of input as AsyncIterable<Buffer>) {
    for (let start = 0; start < chunk.length; start += STREAM_CHUNK_BYTES) {
      await connection.send("data", chunk.subarray(start, start + STREAM_CHUNK_BYTES));
    }
  }
  await connection.send("end");
}
