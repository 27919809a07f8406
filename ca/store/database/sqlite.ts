/** SQLite in one file: write-ahead log, synced at every commit, so that what was recorded survives kill -9 and power loss. */
import Database from "libsql";
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

/** `fireflies ca token` writes beside the server, for milliseconds. */
const BUSY_TIMEOUT_MS = 5_000;

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
    transaction: (work) => transaction(writer, write, work),
    snapshot: (tables) => snapshot(path, tables),
    close: async () => closeBoth(writer, reader, [write, read]),
  };
}

class SqliteSession implements Session {
  readonly #db: Database.Database;
  readonly #statements = new Map<string, Database.Statement<unknown[]>>();

  constructor(db: Database.Database) {
    this.#db = db;
  }

  async one(sql: string, ...values: readonly Value[]): Promise<Row | undefined> {
    return this.#statement(sql).get(bound(values)) as Row | undefined;
  }

  async all(sql: string, ...values: readonly Value[]): Promise<Row[]> {
    return this.#statement(sql).all(bound(values)) as Row[];
  }

  async run(sql: string, ...values: readonly Value[]): Promise<number> {
    return this.#statement(sql).run(bound(values)).changes;
  }

  /** All in this very turn: nothing may come behind the end of its transaction. */
  async insert(table: TableName, rows: readonly (readonly Value[])[]): Promise<void> {
    for (const values of rows) {
      this.#statement(`INSERT INTO ${table} VALUES (${values.map(() => "?").join(",")})`).run(bound(values));
    }
  }

  /** libsql keeps the file open until its statements are collected. */
  forget(): void {
    this.#statements.clear();
  }

  #statement(sql: string): Database.Statement<unknown[]> {
    if (!this.#db.open) throw new Error("the store is closed"); // A statement of libsql outlives its database.
    const known = this.#statements.get(sql);
    if (known !== undefined) return known;
    const statement = this.#db.prepare<unknown[]>(sql);
    this.#statements.set(sql, statement);
    return statement;
  }
}

/** Values are bound as one array: libsql takes a lone BLOB for an object of named values, and aborts the process. */
function bound(values: readonly Value[]): unknown[] {
  return values.map((value) => value ?? null);
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
  const db = opened(path, (each) => each.exec("BEGIN"));
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
    db.close();
  }
}

function closeBoth(writer: Database.Database, reader: Database.Database, sessions: readonly SqliteSession[]): void {
  if (!writer.open) return;
  for (const session of sessions) session.forget();
  reader.close();
  try {
    // Leave nothing in the log that is not in the file.
    writer.exec("PRAGMA wal_checkpoint(TRUNCATE)");
  } finally {
    writer.close();
  }
}

function opened(path: string, prepare: (db: Database.Database) => void): Database.Database {
  let db: Database.Database | undefined;
  try {
    db = new Database(path, { timeout: BUSY_TIMEOUT_MS });
    prepare(db);
    return db;
  } catch (cause) {
    db?.close();
    throw stateError(path, cause);
  }
}

function prepare(db: Database.Database): void {
  db.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL");
  const check = db.prepare("PRAGMA quick_check(1)").get() as Row;
  if (check.quick_check !== "ok") throw new Error(`it is damaged: ${String(check.quick_check).replace(/\s+/g, " ")}`);
  migrateSqlite(db);
  db.exec("PRAGMA foreign_keys = ON");
}

/** SQLite's words for "I may not read or write this" apart from all others, which mean damage. */
function stateError(path: string, cause: unknown): FirefliesError {
  if (cause instanceof FirefliesError) return cause;
  const message = cause instanceof Error ? cause.message : String(cause);
  const code = cause instanceof Error && "code" in cause ? String(cause.code) : "";
  const denied = /^SQLITE_(CANTOPEN|PERM|READONLY|IOERR|FULL|BUSY|LOCKED|AUTH)/.test(code) || /open/i.test(message);
  return denied
    ? new FirefliesError("ca-state-unreadable", `Could not open ${path}: ${message}`, { cause })
    : new FirefliesError("ca-state-corrupt", `${path} cannot be used: ${message}.`, { cause });
}
