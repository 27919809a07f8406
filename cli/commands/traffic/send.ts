/** `fireflies send`: one signed message to a member, and its reply. */
import type { Command } from "commander";
import { FirefliesError } from "../../../identity/errors/error.js";
import { send } from "../../api/caller/calls.js";
import { ANSWER_TIMEOUT_MS, ask } from "../../api/caller/client.js";
import { unreadable } from "../../input-file.js";
import { print, shown } from "../../output.js";
import { type AgentOption, examples, number, withAgent } from "../common.js";

const TIMEOUT_SECONDS_DEFAULT = 10;
/** In place of a text. */
const STANDARD_INPUT = "-";
/** As MESSAGE_BYTES_MAX of client/protocols.ts, which would load a member. */
const MESSAGE_BYTES_MAX = 4 * 1024 * 1024;
const TIMEOUT_SECONDS_MAX = 3_600;

interface SendOptions extends AgentOption {
  readonly service?: string;
  readonly timeout: number;
}

export function addSend(program: Command): void {
  const command = program.command("send").description("send a member a signed message and print its reply");
  command
    .argument("<member>", "its name, its id or the beginning of that")
    .argument("<text>", "the message, or - to read it from standard input");
  const seconds = number(0.001, TIMEOUT_SECONDS_MAX, false);
  withAgent(command)
    .option("--service <name>", "whose handler answers it there, as inventory; the nameless one without it")
    .option("--timeout <seconds>", "how long to wait for the reply", seconds, TIMEOUT_SECONDS_DEFAULT);
  examples(
    command,
    "send bob hello",
    "send bob - < letter.txt",
    "send bob jars --service inventory --timeout 2 --json",
  );
  command.action(async (id: string, text: string, options: SendOptions) => {
    const { json = false, service, timeout } = options;
    const timeoutMs = timeout * 1_000;
    const started = performance.now();
    const data = text === STANDARD_INPUT ? await readMessage() : Buffer.from(text);
    const result = (await ask(options, send({ to: id, data, service, timeoutMs }), timeoutMs + ANSWER_TIMEOUT_MS)) as {
      id: string;
      name?: string;
      reply: string;
    };
    const ms = Math.round(performance.now() - started);
    const reply = Buffer.from(result.reply, "base64").toString("utf8");
    await print(json, { id: result.id, name: result.name, reply, replyBase64: result.reply, ms }, shown(reply));
  });
}

/** All of standard input, as one message. Rejects with "message-too-large" as soon as it is. */
async function readMessage(): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of process.stdin as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size > MESSAGE_BYTES_MAX) throw tooLarge();
      chunks.push(chunk);
    }
  } catch (cause) {
    throw cause instanceof FirefliesError ? cause : unreadable("Standard input", cause);
  }
  return Buffer.concat(chunks);
}

function tooLarge(): FirefliesError {
  const mib = MESSAGE_BYTES_MAX / 1_024 / 1_024;
  return new FirefliesError("message-too-large", `Standard input has more than ${mib} MiB, the most of one message.`, {
    advice: "Use `fireflies stream`.",
  });
}
