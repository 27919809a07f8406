/** Opening a store by where it is. */
import { missing } from "../../identity/index.js";
import { isPostgresUrl, openPostgres } from "./database/postgres.js";
import { SqlStore } from "./sql-store.js";
import type { Store } from "./store.js";

/**
 * The store at a "postgres://" URL or in a SQLite file, with the tables of today. Rejects with "ca-state-corrupt",
 * "ca-state-unreadable", "ca-options-invalid" or "package-missing".
 */
export async function openStore(where: string): Promise<Store> {
  if (isPostgresUrl(where)) return new SqlStore(await openPostgres(where));
  const { openSqlite } = await import("./database/sqlite.js").catch(missing("libsql", "The authority"));
  return new SqlStore(openSqlite(where));
}
