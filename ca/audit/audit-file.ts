/** An export of the audit as a file: written whole or not at all, and read line by line. */
import { createReadStream } from "node:fs";
import { FirefliesError, KEY_FILE_MODE, lookAt, messageOf, writeOutput } from "../../identity/index.js";
import { linesIn } from "../text-lines.js";

/** Bytes that are written at once: an entry has a few hundred. */
const WRITTEN_BYTES = 65_536;
/** Characters of an entry: what it says comes from requests of 16 KiB at most. */
const LINE_MAX = 1_048_576;

/**
 * A new file for its owner, whole or not at all, synced. Rejects with "output-failed", also for a device or a FIFO: the file
 * is there to be read again.
 */
export async function writeAuditFile(path: string, lines: AsyncIterable<string>): Promise<void> {
  const found = await lookAt(path).catch(() => undefined); // What cannot be looked at cannot be written, which says why.
  if (found !== undefined && "instead" in found) {
    const advice = "Name a file that is not there yet.";
    throw new FirefliesError("output-failed", `${path} is ${found.instead}, not a file to keep.`, { advice });
  }
  await writeOutput(path, bytesOf(lines), { mode: KEY_FILE_MODE, isNew: true });
}

async function* bytesOf(lines: AsyncIterable<string>): AsyncGenerator<Uint8Array> {
  let text = "";
  for await (const line of lines) {
    text += `${line}\n`;
    if (text.length < WRITTEN_BYTES) continue;
    yield Buffer.from(text);
    text = "";
  }
  yield Buffer.from(text);
}

/** Lines of an export. Rejects with "input-failed" for what the system does not give, or what is no export. */
export async function* linesOfFile(path: string): AsyncGenerator<string, void> {
  try {
    yield* linesIn(createReadStream(path, "utf8"), LINE_MAX);
  } catch (cause) {
    throw new FirefliesError("input-failed", `${path} cannot be read: ${messageOf(cause)}.`, { cause });
  }
}
