/** Opening a store by where it is. */
import type { Store } from "../store.js";
import { SqlStore } from "./sql-store.js";
import { openSqlite } from "./sqlite.js";

/** The store in a SQLite file. Throws "ca-state-corrupt" or "ca-state-unreadable". */
export function openSqliteStore(path: string): Store {
  return new SqlStore(openSqlite(path));
}
