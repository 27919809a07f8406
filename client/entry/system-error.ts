/** Errors of the system at a start: a file of the directory that may not be read, no descriptors. */
import { FirefliesError } from "../../identity/index.js";

/** What the system refuses to `start`, a file of the directory for example, with a code of ours; other errors as they are. */
export function ofSystem(cause: unknown): unknown {
  if (!(cause instanceof Error) || !("syscall" in cause) || cause instanceof FirefliesError) return cause;
  return new FirefliesError("state-unreadable", `The system refuses what a member needs: ${cause.message}.`, { cause });
}
