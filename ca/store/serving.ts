/** Since when a network is served: while nobody served it, nobody could be heard of. */
import { SERVED_GAP_MS } from "../policy.js";
import type { Session } from "./database/sql.js";
import type { Served } from "./store.js";
import type { Transaction } from "./writer.js";

export function saveServed(tx: Transaction, networkId: Uint8Array, now: number): void {
  const since = "CASE WHEN served_at BETWEEN ? AND ? THEN served_since ELSE ? END";
  const values = [now - SERVED_GAP_MS, now + SERVED_GAP_MS, now, now];
  tx.later(`UPDATE networks SET served_since = ${since}, served_at = ? WHERE network_id = ?`, ...values, networkId);
}

export async function servedAt(db: Session, networkId: Uint8Array): Promise<Served> {
  const row = await db.one("SELECT served_since, served_at FROM networks WHERE network_id = ?", networkId);
  return { since: Number(row?.served_since ?? 0), at: Number(row?.served_at ?? 0) };
}
