/** Tokens that still admit somebody: listed, and taken back. */
import { toHex } from "../../rings/index.js";
import { bytes, type Row, type Session } from "./database/sql.js";
import type { AuditNote, OpenToken, Recorded } from "./store.js";
import type { Transaction } from "./writer.js";

/** `expires_at` of a token that was taken back. */
export const CANCELLED_AT = 0;

/** The next to end first. */
export async function openTokens(
  db: Session,
  networkId: Uint8Array,
  { now, limit }: { readonly now: number; readonly limit: number },
): Promise<OpenToken[]> {
  const sql = `SELECT hash, principal, expires_at, uses, used FROM tokens
    WHERE network_id = ? AND expires_at > ? AND used < uses ORDER BY expires_at, hash LIMIT ?`;
  return (await db.all(sql, networkId, now, limit)).map(openToken);
}

/** "refused" when it has no use left, or was taken back, before. */
export async function cancelToken(
  tx: Transaction,
  networkId: Uint8Array,
  hash: Uint8Array,
  note?: AuditNote,
): Promise<Recorded> {
  const sql = "UPDATE tokens SET expires_at = ? WHERE network_id = ? AND hash = ? AND used < uses AND expires_at > ?";
  if ((await tx.run(sql, CANCELLED_AT, networkId, hash, CANCELLED_AT)) === 0) return "refused";
  tx.note(note, networkId);
  tx.weigh();
  return "recorded";
}

function openToken(row: Row): OpenToken {
  const hash = bytes(row.hash);
  const { principal, expires_at: expiresAt, uses, used } = row;
  return {
    ...{ hash, digits: toHex(hash), principal: String(principal), expiresAt: Number(expiresAt) },
    ...{ uses: Number(uses), used: Number(used) },
  };
}
