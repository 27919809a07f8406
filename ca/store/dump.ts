/** A whole store as rows of plain values, out of one database and into another: also from SQLite to PostgreSQL and back. */

import { type Column, columnsOf, TABLE_NAMES, type TableName } from "./database/schema.js";
import { bytes, type SqlDatabase, type Value } from "./database/sql.js";
import { LIST_CLOCK_MAX, revoke } from "./revocations.js";
import type { DumpedRow, Fence, Recorded } from "./store.js";
import type { Transaction } from "./writer.js";

export async function* dumpOf(database: SqlDatabase): AsyncGenerator<DumpedRow> {
  for await (const { table, rows } of database.snapshot(TABLE_NAMES)) {
    const columns = columnsOf(table as TableName);
    for (const row of rows) yield { table, values: columns.map((column) => plain(column, row[column.name])) };
  }
}

function plain({ type }: Column, value: unknown): string | number | null {
  if (value === null || value === undefined) return null;
  if (type === "BLOB") return Buffer.from(bytes(value)).toString("base64");
  return type === "INTEGER" ? Number(value) : String(value);
}

/** Rows under way to the database. */
const AWAITED_EVERY = 1_000;

/**
 * The fence: revocations that the backup did not know yet, no token that may have been used since, a new epoch, and a
 * line in the audit that says so.
 */
export async function loadInto(tx: Transaction, rows: AsyncIterable<DumpedRow>, fence: Fence): Promise<Recorded> {
  if ((await tx.one("SELECT one FROM authority")) !== undefined) return "refused";
  let count = 0;
  for await (const { table, values } of rows) {
    const columns = columnsIn(table);
    if (values.length !== columns.length) throw new Error(`a row of ${table} has ${values.length} values`);
    const places = columns.map(() => "?").join(",");
    const row = columns.map((column, index) => stored(column, values[index] ?? null));
    tx.later(`INSERT INTO ${table} VALUES (${places})`, ...row);
    if (++count % AWAITED_EVERY === 0) await tx.one("SELECT one FROM authority"); // What was sent is not all held here.
  }
  await tx.run("UPDATE authority SET epoch = ?", fence.epoch);
  await tx.run("UPDATE tokens SET expires_at = ? WHERE used < uses AND expires_at > ?", fence.at, fence.at);
  for (const { networkId, revocation } of fence.revocations) await revoke(tx, networkId, revocation);
  for (const { networkId, number } of fence.lists) {
    if (number > LIST_CLOCK_MAX) continue;
    const sql = "UPDATE networks SET list_number = ? WHERE network_id = ? AND list_number < ?";
    await tx.run(sql, number, networkId, number);
  }
  tx.note(fence.note);
  return "recorded";
}

function columnsIn(table: string): Column[] {
  const known = TABLE_NAMES.find((name) => name === table);
  if (known === undefined) throw new Error(`there is no table ${table}`);
  return columnsOf(known);
}

function stored({ type }: Column, value: string | number | null): Value {
  if (value === null) return null;
  if (type === "BLOB") return new Uint8Array(Buffer.from(String(value), "base64"));
  return type === "INTEGER" ? Number(value) : String(value);
}
