/** What both databases offer: statements with "?" for each value, and transactions. The store above is written once for both. */

import type { TableName } from "./schema.js";

export type Row = Readonly<Record<string, unknown>>;
/** Undefined is NULL. */
export type Value = string | number | Uint8Array | undefined | null;

/** Runs statements; outside of a transaction it sees only what is committed and synced. */
export interface Session {
  one(sql: string, ...values: readonly Value[]): Promise<Row | undefined>;
  all(sql: string, ...values: readonly Value[]): Promise<Row[]>;
  /** Number of rows changed. */
  run(sql: string, ...values: readonly Value[]): Promise<number>;
  /** One row into a table for each of these, with all of its columns; in few statements where that is quicker. */
  insert(table: TableName, rows: readonly (readonly Value[])[]): Promise<void>;
}

/** What a transaction came to. */
export interface Worked<T> {
  readonly value: T;
  /** Statements that were sent without waiting; the commit goes behind them, and is none when one of them fails. */
  readonly sent: readonly Promise<unknown>[];
}

export interface SqlDatabase {
  readonly kind: "sqlite" | "postgres";
  readonly read: Session;
  /** Rejects with "store-read-only" when this database takes no writes. */
  requireWritable(): Promise<void>;
  /**
   * One transaction, alone among all processes that write to this database: what it read is still so when it commits.
   * `work` may ask at once, so that its questions travel with the beginning; before it writes or believes an answer it
   * awaits `begun`.
   * Rejects when `work` does, and then nothing is recorded; with a `BeginError` when it could not even begin; or with a
   * `CommitError`, when it is not known whether it was recorded.
   */
  transaction<T>(work: (session: Session, begun: Promise<void>) => Promise<Worked<T>>): Promise<T>;
  /** All rows of these tables as they were at one moment, a few hundred at a time; writers go on meanwhile. */
  snapshot(tables: readonly string[]): AsyncGenerator<{ readonly table: string; readonly rows: readonly Row[] }>;
  close(): Promise<void>;
}

/** Rows of a snapshot that are in memory at once. */
export const SNAPSHOT_ROWS = 500;

/** The database is not there, or somebody holds its lock for too long: another try would wait as long again. */
export class BeginError extends Error {
  override readonly name = "BeginError";
}

/** The commit failed: whether it was recorded is not known, so it must not be tried again blindly. */
export class CommitError extends Error {
  override readonly name = "CommitError";
}

/** Of a BLOB column. A copy: a driver may hand out a window on a larger buffer. */
export function bytes(value: unknown): Uint8Array {
  // libsql gives a Buffer for one row and an ArrayBuffer for many; pg gives a Buffer.
  if (value instanceof Uint8Array || value instanceof ArrayBuffer) return new Uint8Array(value);
  throw new TypeError("a BLOB column holds something else");
}

/** Of an INTEGER column that may be NULL. */
export function optionalNumber(value: unknown): number | undefined {
  return value === null || value === undefined ? undefined : Number(value);
}

export function optionalText(value: unknown): string | undefined {
  return value === null || value === undefined ? undefined : String(value);
}

/** Of a TEXT column that holds a JSON array of strings. */
export function texts(value: unknown): string[] {
  return value === null || value === undefined ? [] : (JSON.parse(String(value)) as string[]);
}
