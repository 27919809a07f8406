/** The file that a command was told to write: also standard output, and then what the command says about it goes to standard error. */
import { resolve } from "node:path";
import type { WriteStream } from "node:tty";
import type { Output } from "../identity/index.js";
import { usage } from "./failure.js";
import { toJson, writeLine } from "./output.js";

export interface OutputFile {
  /** For `writeOutput`. */
  readonly output: Output;
  /** As a command's JSON names it: the whole path, or "-". */
  readonly name: string;
  /** As `print`, where it does not mix with what was written. */
  readonly print: (json: boolean, value: unknown, text: string) => Promise<void>;
}

/** Names of this process's own streams: to open them anew would cut a file that stands behind them. */
const STREAMS: Readonly<Record<string, 1 | 2>> = {
  "-": 1,
  ...{ "/dev/stdout": 1, "/dev/fd/1": 1, "/proc/self/fd/1": 1 },
  ...{ "/dev/stderr": 2, "/dev/fd/2": 2, "/proc/self/fd/2": 2 },
};

/** Throws "cli-usage" for bytes that would go to a terminal. */
export function outputFile(file: string, { bytes }: { readonly bytes: boolean }): OutputFile {
  const name = file === "-" ? file : resolve(file);
  const number = STREAMS[name];
  if (number === undefined) return { output: name, name, print: printTo(process.stdout) };
  const [stream, other] = number === 1 ? [process.stdout, process.stderr] : [process.stderr, process.stdout];
  if (bytes && stream.isTTY) {
    throw usage("These are bytes, which no terminal shows.", "Name a file, or put a pipe behind the command.");
  }
  return { output: stream, name, print: printTo(other) };
}

function printTo(stream: WriteStream): OutputFile["print"] {
  return async (json, value, text) => await writeLine(json ? toJson(value) : text, stream);
}
