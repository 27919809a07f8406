/** The files that a command was told to read. */
import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { FirefliesError } from "../identity/error.js";
import { messageOf } from "../identity/files.js";

/** Rejects with "input-failed". */
export async function readInput(file: string): Promise<Buffer> {
  try {
    return await readFile(resolve(file));
  } catch (cause) {
    throw unreadable(file, cause);
  }
}

/** "input-failed", with what the system says. */
export function unreadable(what: string, cause: unknown): FirefliesError {
  return new FirefliesError("input-failed", `${what} cannot be read: ${messageOf(cause)}.`, { cause });
}
