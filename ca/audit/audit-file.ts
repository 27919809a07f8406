/** An export of the audit as a file: written whole or not at all, and read line by line. */
import { createReadStream, createWriteStream } from "node:fs";
import { link, rm, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { createInterface } from "node:readline";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { FirefliesError, isCode, KEY_FILE_MODE, messageOf, syncDirectory } from "../../identity/index.js";

/** A new file for its owner, whole or not at all, synced. Rejects with "ca-options-invalid" or "state-write-failed". */
export async function writeAuditFile(path: string, lines: AsyncIterable<string>): Promise<void> {
  const part = `${path}.part`;
  if (await isThere(path)) throw taken(path);
  async function* text(): AsyncGenerator<string> {
    for await (const line of lines) yield `${line}\n`;
  }
  try {
    await rm(part, { force: true });
    await pipeline(Readable.from(text()), createWriteStream(part, { mode: KEY_FILE_MODE, flags: "wx", flush: true }));
    await link(part, path); // Where somebody else was first it is theirs.
    await rm(part);
    await syncDirectory(dirname(path));
  } catch (cause) {
    await rm(part, { force: true }).catch(() => {});
    if (isCode(cause, "EEXIST")) throw taken(path);
    if (cause instanceof FirefliesError) throw cause;
    throw new FirefliesError("state-write-failed", `Could not write ${path}: ${messageOf(cause)}`, { cause });
  }
}

/** Lines of an export. */
export function linesOfFile(path: string): AsyncIterable<string> {
  return createInterface({ input: createReadStream(path, "utf8"), crlfDelay: Number.POSITIVE_INFINITY });
}

async function isThere(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    if (isCode(error, "ENOENT")) return false;
    throw new FirefliesError("state-write-failed", `Could not look at ${path}: ${messageOf(error)}`, { cause: error });
  }
}

function taken(path: string): FirefliesError {
  return new FirefliesError("ca-options-invalid", `${path} exists already.`, { advice: "Choose another name." });
}
