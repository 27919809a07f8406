/** `fireflies send`: one signed message to a member, and its reply. */
import type { Command } from "commander";
import { ANSWER_TIMEOUT_MS, ask } from "../control/client.js";
import { print, shown } from "../output.js";
import { type DirOption, examples, number, withDir } from "./common.js";

const TIMEOUT_SECONDS_DEFAULT = 10;
const TIMEOUT_SECONDS_MAX = 3_600;

interface SendOptions extends DirOption {
  readonly timeout: number;
}

export function addSend(program: Command): void {
  const command = program.command("send").description("send a member a signed message and print its reply");
  command.argument("<member>", "its name, its id or the beginning of that").argument("<text>", "the message");
  const seconds = number(0.001, TIMEOUT_SECONDS_MAX, false);
  withDir(command).option("--timeout <seconds>", "how long to wait for the reply", seconds, TIMEOUT_SECONDS_DEFAULT);
  examples(command, "send bob hello", "send 3fa91c hello --timeout 2 --json");
  command.action(async (id: string, text: string, { dir, json = false, timeout }: SendOptions) => {
    const timeoutMs = timeout * 1_000;
    const started = performance.now();
    const request = { op: "send", id, data: Buffer.from(text), timeoutMs } as const;
    const result = (await ask(dir, request, timeoutMs + ANSWER_TIMEOUT_MS)) as {
      id: string;
      name?: string;
      reply: string;
    };
    const ms = Math.round(performance.now() - started);
    const reply = Buffer.from(result.reply, "base64").toString("utf8");
    await print(json, { id: result.id, name: result.name, reply, replyBase64: result.reply, ms }, shown(reply));
  });
}
