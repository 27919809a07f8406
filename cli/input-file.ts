/** The files that a command was told to read. */
import { resolve } from "node:path";
import { FirefliesError } from "../identity/errors/error.js";
import { messageOf, readAtMost } from "../identity/files/files.js";

/** Lists, proofs and certificates: the largest list of a million members has less. */
const INPUT_BYTES_MAX = 64 * 1024 * 1024;

/** Rejects with "input-failed". */
export async function readInput(file: string): Promise<Buffer> {
  try {
    return await readAtMost(resolve(file), INPUT_BYTES_MAX);
  } catch (cause) {
    throw unreadable(file, cause);
  }
}

/** "input-failed", with what the system says. */
export function unreadable(what: string, cause: unknown): FirefliesError {
  return new FirefliesError("input-failed", `${what} cannot be read: ${messageOf(cause)}.`, { cause });
}
