/** Asking somebody at the terminal for a secret: what is typed is not shown. */
import type { ReadStream } from "node:tty";
import { FirefliesError } from "../identity/errors/error.js";

/** Longer than any passphrase that is accepted. Characters. */
const ANSWER_MAX = 4_096;
const ENTER = new Set(["\r", "\n", "\u0004"]);
const INTERRUPT = "\u0003";
const ERASE = new Set(["\u007f", "\b"]);

/** Whether there is anybody to ask. */
export function canAsk(input: { readonly isTTY?: boolean } = process.stdin): boolean {
  return input.isTTY === true;
}

/** The line that is typed. Rejects with "cancelled" at Ctrl-C. The question goes to stderr: stdout may be a pipe. */
export function askSecret(
  question: string,
  input: ReadStream = process.stdin,
  output: NodeJS.WritableStream = process.stderr,
): Promise<string> {
  output.write(question);
  input.setRawMode(true);
  input.setEncoding("utf8");
  return new Promise((resolve, reject) => {
    let typed: readonly string[] = [];
    const end = (settle: () => void) => {
      input.off("data", take);
      input.setRawMode(false);
      input.pause();
      output.write("\n");
      settle();
    };
    const take = (text: string) => {
      for (const character of text) {
        if (ENTER.has(character)) return end(() => resolve(typed.join("")));
        if (character === INTERRUPT) return end(() => reject(new FirefliesError("cancelled")));
        if (ERASE.has(character)) typed = typed.slice(0, -1);
        else if (typed.length < ANSWER_MAX) typed = [...typed, character];
      }
    };
    input.on("data", take);
    input.resume();
  });
}
