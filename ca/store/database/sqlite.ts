/** SQLite in one file: write-ahead log, synced at every commit, so that what was recorded survives kill -9 and power loss. */
import Database from "libsql";
import { isDenied, SqliteFile } from "../../../identity/files/sqlite-file.js";
import { FirefliesError, messageOf } from "../../../identity/index.js";
import { migrateSqlite } from "./migrations.js";
import type { TableName } from "./schema.js";
import {
  BeginError,
  CommitError,
  type Row,
  type Session,
  SNAPSHOT_ROWS,
  type SqlDatabase,
  type Value,
  type Worked,
} from "./sql.js";

/**
 * Opens or creates the file, and brings its tables up to date. Throws "ca-state-corrupt" or "ca-state-unreadable".
 * Two connections: what is read outside of a transaction is committed, and so synced.
 */
export function openSqlite(path: string): SqlDatabase {
  const writer = opened(path, prepare);
  const reader = opened(path, () => {});
  const [write, read] = [new SqliteSession(writer), new SqliteSession(reader)];
  return {
    kind: "sqlite",
    read,
    requireWritable: async () => {}, // Its file is locked and written by this process.
    transaction: (work) => transaction(writer.db, write, work),
    snapshot: (tables) => snapshot(path, tables),
    close: async () => closeBoth(writer, reader),
  };
}

class SqliteSession implements Session {
  readonly #file: SqliteFile;

  constructor(file: SqliteFile) {
    this.#file = file;
  }

  async one(sql: string, ...values: readonly Value[]): Promise<Row | undefined> {
    return this.#file.one(sql, ...values);
  }

  async all(sql: string, ...values: readonly Value[]): Promise<Row[]> {
    return this.#file.all(sql, ...values);
  }

  async run(sql: string, ...values: readonly Value[]): Promise<number> {
    return this.#file.run(sql, ...values);
  }

  /** All in this very turn: nothing may come behind the end of its transaction. */
  async insert(table: TableName, rows: readonly (readonly Value[])[]): Promise<void> {
    for (const values of rows) {
      this.#file.run(`INSERT INTO ${table} VALUES (${values.map(() => "?").join(",")})`, ...values);
    }
  }
}

async function transaction<T>(
  db: Database.Database,
  session: Session,
  work: (session: Session, begun: Promise<void>) => Promise<Worked<T>>,
): Promise<T> {
  try {
    db.exec("BEGIN IMMEDIATE");
  } catch (cause) {
    throw new BeginError(messageOf(cause), { cause });
  }
  let result: T;
  try {
    const { value, sent } = await work(session, Promise.resolve());
    await Promise.all(sent);
    result = value;
  } catch (cause) {
    if (db.open && db.inTransaction) db.exec("ROLLBACK");
    throw cause;
  }
  commit(db);
  return result;
}

function commit(db: Database.Database): void {
  try {
    db.exec("COMMIT");
  } catch (cause) {
    if (db.inTransaction) db.exec("ROLLBACK");
    throw new CommitError(messageOf(cause), { cause });
  }
}

/** A connection of its own: a reader's transaction sees the file as it was when it began. */
async function* snapshot(path: string, tables: readonly string[]): ReturnType<SqlDatabase["snapshot"]> {
  const file = opened(path, ({ db }) => db.exec("BEGIN"));
  const { db } = file;
  try {
    for (const table of tables) {
      let rows: Row[] = [];
      for (const row of db.prepare<unknown[]>(`SELECT * FROM ${table}`).iterate([])) {
        rows.push(row as Row);
        if (rows.length === SNAPSHOT_ROWS) {
          yield { table, rows };
          rows = [];
        }
      }
      yield { table, rows };
    }
  } finally {
    if (db.inTransaction) db.exec("COMMIT"); // libsql's close does not, and the log could not be emptied.
    file.close();
  }
}

function closeBoth(writer: SqliteFile, reader: SqliteFile): void {
  if (!writer.isOpen) return;
  reader.close();
  try {
    writer.emptyLog();
  } finally {
    writer.close();
  }
}

function opened(path: string, prepare: (file: SqliteFile) => void): SqliteFile {
  try {
    return new SqliteFile(Database, path, prepare);
  } catch (cause) {
    throw stateError(path, cause);
  }
}

function prepare(file: SqliteFile): void {
  file.requireWhole();
  migrateSqlite(file.db);
  file.db.exec("PRAGMA foreign_keys = ON");
}

function stateError(path: string, cause: unknown): FirefliesError {
  if (cause instanceof FirefliesError) return cause;
  const message = cause instanceof Error ? cause.message : String(cause);
  return isDenied(cause)
    ? new FirefliesError("ca-state-unreadable", `Could not open ${path}: ${message}`, { cause })
    : new FirefliesError("ca-state-corrupt", `${path} cannot be used: ${message}.`, { cause });
}
