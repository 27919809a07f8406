/** Opening a store by where it is. */
import type { Store } from "../store.js";
import { isPostgresUrl, openPostgres } from "./postgres.js";
import { SqlStore } from "./sql-store.js";
import { openSqlite } from "./sqlite.js";

/**
 * The store at a "postgres://" URL or in a SQLite file, with the tables of today. Rejects with "ca-state-corrupt",
 * "ca-state-unreadable" or "ca-options-invalid".
 */
export async function openStore(where: string): Promise<Store> {
  return new SqlStore(isPostgresUrl(where) ? await openPostgres(where) : openSqlite(where));
}
