/** One authority per directory: a lock that the kernel drops with the process, so kill -9 leaves nothing to clean up. */
import { lstatSync } from "node:fs";
import type Database from "libsql";
import { FirefliesError, kindOf, messageOf, missing } from "../../identity/index.js";

export interface Lock {
  release(): void;
}

/**
 * Rejects with "ca-state-locked" when another process, or another authority of this one, holds the lock at `path`, and
 * with "ca-state-unreadable" when it cannot be taken.
 */
export async function takeLock(path: string): Promise<Lock> {
  const { default: Sqlite } = await import("libsql").catch(missing("libsql", "The authority"));
  let db: Database.Database | undefined;
  try {
    requireFile(path);
    // An open exclusive transaction of an empty database: SQLite's own byte-range lock, on every platform.
    db = new Sqlite(path, { timeout: 0 });
    db.exec("PRAGMA journal_mode = DELETE; BEGIN EXCLUSIVE");
  } catch (cause) {
    db?.close();
    throw cause instanceof FirefliesError ? cause : lockError(path, cause);
  }
  const held = db;
  return { release: () => held.close() };
}

function requireFile(path: string): void {
  const stats = lstatSync(path, { throwIfNoEntry: false });
  if (stats !== undefined && !stats.isFile()) throw unreadable(path, `it is ${kindOf(stats)}, no lock of ours`);
}

function lockError(path: string, cause: unknown): FirefliesError {
  if (cause instanceof FirefliesError) return cause;
  const message = messageOf(cause);
  // The path is in the message, and has "lock" in it.
  return /lock|busy/i.test(message.replaceAll(path, ""))
    ? new FirefliesError("ca-state-locked", `Another authority uses ${path}.`, { cause })
    : unreadable(path, message, cause);
}

function unreadable(path: string, why: string, cause?: unknown): FirefliesError {
  return new FirefliesError("ca-state-unreadable", `Could not open ${path}: ${why}.`, { cause });
}
