/** Opening a store by where it is. */

import { isPostgresUrl, openPostgres } from "./database/postgres.js";
import { openSqlite } from "./database/sqlite.js";
import { SqlStore } from "./sql-store.js";
import type { Store } from "./store.js";

/**
 * The store at a "postgres://" URL or in a SQLite file, with the tables of today. Rejects with "ca-state-corrupt",
 * "ca-state-unreadable" or "ca-options-invalid".
 */
export async function openStore(where: string): Promise<Store> {
  return new SqlStore(isPostgresUrl(where) ? await openPostgres(where) : openSqlite(where));
}
