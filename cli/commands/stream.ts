/** `fireflies stream`: standard input to a member, and what it sends back to standard output. */

import type { Readable, Writable } from "node:stream";
import type { Command } from "commander";
import { FirefliesError } from "../../identity/error.js";
import { type ControlConnection, request } from "../control/client.js";
import { STREAM_CHUNK_BYTES } from "../control/protocol.js";
import { drained } from "../drained.js";
import { toJson, writeLine } from "../output.js";
import { type DirOption, examples, withDir } from "./common.js";

export function addStream(program: Command): void {
  const command = program
    .command("stream")
    .description("open a stream to a member: standard input there, its answer here");
  withDir(command.argument("<member>", "its name, its id or the beginning of that"));
  examples(command, "stream bob < file > echo", "stream bob --json < file");
  command.addHelpText("after", "\nWith --json each message that comes back is a line with its bytes in base64.");
  command.action(async (id: string, { dir, json = false }: DirOption) => {
    const connection = await request(dir, { op: "stream", id });
    try {
      await run(connection, process.stdin, process.stdout, json);
    } finally {
      connection.close();
      process.stdin.destroy();
    }
  });
}

async function run(connection: ControlConnection, input: Readable, output: Writable, json: boolean): Promise<void> {
  let sending: Promise<void> | undefined;
  for await (const frame of connection.frames) {
    if (frame.kind === "open") {
      sending = copyIn(connection, input);
      sending.catch(() => connection.close());
    }
    if (frame.kind === "end") return;
    if (frame.kind !== "data") continue;
    if (json) await writeLine(toJson({ event: "data", data: Buffer.from(frame.data).toString("base64") }), output);
    else if (!output.write(frame.data)) await drained(output);
  }
  await sending;
  throw new FirefliesError("agent-stopped", "The agent ended before the stream did.");
}

async function copyIn(connection: ControlConnection, input: Readable): Promise<void> {
  for await (const chunk of input as AsyncIterable<Buffer>) {
    for (let start = 0; start < chunk.length; start += STREAM_CHUNK_BYTES) {
      await connection.send({ kind: "data", data: chunk.subarray(start, start + STREAM_CHUNK_BYTES) });
    }
  }
  await connection.send({ kind: "end" });
}
