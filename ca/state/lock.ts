/** One authority per directory: a lock that the kernel drops with the process, so kill -9 leaves nothing to clean up. */
import type Database from "libsql";
import { FirefliesError, loadOptional } from "../../identity/index.js";

export interface Lock {
  release(): void;
}

/** Rejects with "ca-state-locked" when another process, or another authority of this one, holds the lock at `path`. */
export async function takeLock(path: string): Promise<Lock> {
  const { default: Sqlite } = await loadOptional("libsql", "The authority", () => import("libsql"));
  let db: Database.Database | undefined;
  try {
    // An open exclusive transaction of an empty database: SQLite's own byte-range lock, on every platform.
    db = new Sqlite(path, { timeout: 0 });
    db.exec("PRAGMA journal_mode = DELETE; BEGIN EXCLUSIVE");
  } catch (cause) {
    db?.close();
    throw lockError(path, cause);
  }
  const held = db;
  return { release: () => held.close() };
}

function lockError(path: string, cause: unknown): FirefliesError {
  const message = cause instanceof Error ? cause.message : String(cause);
  // The path is in the message, and has "lock" in it.
  return /lock|busy/i.test(message.replaceAll(path, ""))
    ? new FirefliesError("ca-state-locked", `Another authority uses ${path}.`, { cause })
    : new FirefliesError("ca-state-unreadable", `Could not open ${path}: ${message}`, { cause });
}
