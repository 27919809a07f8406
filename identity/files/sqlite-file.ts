/**
 * SQLite in one file, for the authority's records and a member's own: a write-ahead log, synced at every commit, so that what
 * was recorded survives kill -9 and power loss. Who opens one brings libsql along: it is an optional package, and a bundle of
 * a member does without it.
 */
import type Database from "libsql";

/** Another process of ours writes beside this one, for milliseconds. */
const BUSY_TIMEOUT_MS = 5_000;

export type Libsql = typeof Database;
export type SqliteRow = Readonly<Record<string, unknown>>;
/** Undefined is NULL. */
export type SqliteValue = string | number | Uint8Array | undefined | null;

/** Statements are prepared once. Values take the places of "?". All throw as libsql does. */
export class SqliteFile {
  readonly db: Database.Database;
  readonly #statements = new Map<string, Database.Statement<unknown[]>>();

  /** Opens the file, or makes it with the mode that the umask leaves. Closed again when `prepare` throws. */
  constructor(libsql: Libsql, path: string, prepare: (file: SqliteFile) => void = () => {}) {
    this.db = new libsql(path, { timeout: BUSY_TIMEOUT_MS });
    try {
      prepare(this);
    } catch (error) {
      this.close();
      throw error;
    }
  }

  get isOpen(): boolean {
    return this.db.open;
  }

  /** A write-ahead log, synced at every commit. Throws when the file is damaged. */
  requireWhole(): void {
    this.db.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL");
    const { quick_check: found } = this.one("PRAGMA quick_check(1)") ?? {};
    if (found !== "ok") throw new Error(`it is damaged: ${String(found).replace(/\s+/g, " ")}`);
  }

  one(sql: string, ...values: readonly SqliteValue[]): SqliteRow | undefined {
    return this.#statement(sql).get(bound(values)) as SqliteRow | undefined;
  }

  all(sql: string, ...values: readonly SqliteValue[]): SqliteRow[] {
    return this.#statement(sql).all(bound(values)) as SqliteRow[];
  }

  /** Number of rows changed. */
  run(sql: string, ...values: readonly SqliteValue[]): number {
    return this.#statement(sql).run(bound(values)).changes;
  }

  /** All of it is recorded and synced, or nothing: then it throws. */
  transaction<T>(work: () => T): T {
    this.db.exec("BEGIN IMMEDIATE");
    try {
      const value = work();
      this.db.exec("COMMIT");
      return value;
    } catch (error) {
      if (this.db.open && this.db.inTransaction) this.db.exec("ROLLBACK");
      throw error;
    }
  }

  /** Leaves nothing in the log that is not in the file. */
  emptyLog(): void {
    this.db.exec("PRAGMA wal_checkpoint(TRUNCATE)");
  }

  close(): void {
    this.#statements.clear(); // libsql keeps the file open until its statements are collected.
    if (this.db.open) this.db.close();
  }

  #statement(sql: string): Database.Statement<unknown[]> {
    if (!this.db.open) throw new Error("the store is closed"); // A statement of libsql outlives its database.
    const known = this.#statements.get(sql);
    if (known !== undefined) return known;
    const statement = this.db.prepare<unknown[]>(sql);
    this.#statements.set(sql, statement);
    return statement;
  }
}

/** Values are bound as one array: libsql takes a lone BLOB for an object of named values, and aborts the process. */
function bound(values: readonly SqliteValue[]): unknown[] {
  return values.map((value) => value ?? null);
}

/** SQLite's words for "I may not read or write this" apart from all others, which mean damage. */
export function isDenied(cause: unknown): boolean {
  const message = cause instanceof Error ? cause.message : String(cause);
  const code = cause instanceof Error && "code" in cause ? String(cause.code) : "";
  return /^SQLITE_(CANTOPEN|PERM|READONLY|IOERR|FULL|BUSY|LOCKED|AUTH)/.test(code) || /open/i.test(message);
}

/** Is the disk full, or a quota used up? */
export function isFull(cause: unknown): boolean {
  const message = cause instanceof Error ? cause.message : String(cause);
  const code = cause instanceof Error && "code" in cause ? String(cause.code) : "";
  return code.startsWith("SQLITE_FULL") || /disk is full|no space left|quota/i.test(message);
}
