/** Who is no longer a member, and the lists that say so to the others. */
import { type MemberId, memberIdFromBytes, memberIdToBytes } from "../../rings/index.js";
import { bytes, optionalText, type Row, type Session } from "./database/sql.js";
import type {
  AuditNote,
  ListRecord,
  ListTurn,
  NewRevocation,
  Recorded,
  RevocationRecord,
  RevocationTarget,
} from "./store.js";
import type { Transaction } from "./writer.js";

export async function revoke(
  tx: Transaction,
  networkId: Uint8Array,
  { target, principal, reason, at }: NewRevocation,
  note?: AuditNote,
): Promise<Recorded> {
  const [serial, id] = target.kind === "certificate" ? [target.serial] : [undefined, memberIdToBytes(target.id)];
  const known = await tx.one("SELECT sequence FROM revocations WHERE serial = ? OR id = ?", serial, id);
  if (known !== undefined) return "refused";
  const sequence = (await lastSequence(tx, networkId)) + 1;
  const sql = "INSERT INTO revocations VALUES (?,?,?,?,?,?,?)";
  await tx.run(sql, networkId, sequence, serial, id, principal, reason, at);
  if (id !== undefined) await tx.run("UPDATE principals SET status = 'revoked' WHERE id = ?", id);
  tx.note(note, networkId);
  tx.weigh();
  return "recorded";
}

export async function revocationsAfter(
  db: Session,
  networkId: Uint8Array,
  { after, limit }: { readonly after: number; readonly limit: number },
): Promise<RevocationRecord[]> {
  const sql = "SELECT * FROM revocations WHERE network_id = ? AND sequence > ? ORDER BY sequence LIMIT ?";
  return (await db.all(sql, networkId, after, limit)).map(revocationFrom);
}

export async function revocationOf(
  db: Session,
  networkId: Uint8Array,
  serial: string,
  id: MemberId,
): Promise<RevocationRecord | undefined> {
  const sql = "SELECT * FROM revocations WHERE network_id = ? AND (serial = ? OR id = ?) ORDER BY sequence LIMIT 1";
  const row = await db.one(sql, networkId, serial, memberIdToBytes(id));
  return row === undefined ? undefined : revocationFrom(row);
}

export async function isKeyRevoked(db: Session, networkId: Uint8Array, spki: Uint8Array): Promise<boolean> {
  const sql = `SELECT r.sequence FROM certificates c JOIN revocations r ON r.serial = c.serial
    WHERE c.network_id = ? AND c.spki = ? LIMIT 1`;
  return (await db.one(sql, networkId, spki)) !== undefined;
}

/**
 * Numbers have 32 bits, and one that is taken is never given back. A clock beyond this second (of the year 2105), or a
 * list that says so, is wrong: it must not use them up.
 */
export const LIST_CLOCK_MAX = 0xff00_0000;

/**
 * At least the clock's seconds: so lists of a restored authority go on above those that were published and lost, also
 * when nobody knows their numbers any more.
 */
export async function listTurn(db: Session, networkId: Uint8Array, now: number): Promise<ListTurn> {
  const row = await db.one("SELECT list_number FROM networks WHERE network_id = ?", networkId);
  const clock = Math.floor(now / 1_000);
  const number = Math.max(Number(row?.list_number) + 1, clock > LIST_CLOCK_MAX ? 0 : clock);
  return { number, upTo: await lastSequence(db, networkId) };
}

export async function saveLists(
  tx: Transaction,
  networkId: Uint8Array,
  { turn, lists, note }: { turn: ListTurn; lists: readonly ListRecord[]; note?: AuditNote | undefined },
): Promise<Recorded> {
  if ((await lastSequence(tx, networkId)) !== turn.upTo) return "refused";
  const raise = "UPDATE networks SET list_number = ? WHERE network_id = ? AND list_number < ?";
  if ((await tx.run(raise, turn.number, networkId, turn.number)) === 0) return "refused";
  for (const { kind, number, upTo, bytes, thisUpdate, nextUpdate } of lists) {
    const sql = `INSERT INTO lists VALUES (?,?,?,?,?,?,?) ON CONFLICT (network_id, kind) DO UPDATE SET
      number = excluded.number, up_to = excluded.up_to, bytes = excluded.bytes,
      this_update = excluded.this_update, next_update = excluded.next_update`;
    await tx.run(sql, networkId, kind, number, upTo, bytes, thisUpdate, nextUpdate);
  }
  tx.note(note, networkId);
  return "recorded";
}

export async function listOf(db: Session, networkId: Uint8Array, kind: string): Promise<ListRecord | undefined> {
  const row = await db.one("SELECT * FROM lists WHERE network_id = ? AND kind = ?", networkId, kind);
  if (row === undefined) return undefined;
  return {
    kind,
    number: Number(row.number),
    upTo: Number(row.up_to),
    bytes: bytes(row.bytes),
    thisUpdate: Number(row.this_update),
    nextUpdate: Number(row.next_update),
  };
}

async function lastSequence(db: Session, networkId: Uint8Array): Promise<number> {
  const row = await db.one("SELECT max(sequence) AS last FROM revocations WHERE network_id = ?", networkId);
  return Number(row?.last ?? 0);
}

function revocationFrom(row: Row): RevocationRecord {
  return {
    sequence: Number(row.sequence),
    target: targetOf(row),
    principal: String(row.principal),
    reason: String(row.reason),
    at: Number(row.revoked_at),
  };
}

function targetOf(row: Row): RevocationTarget {
  const serial = optionalText(row.serial);
  if (serial !== undefined) return { kind: "certificate", serial };
  return { kind: "principal", id: memberIdFromBytes(bytes(row.id)) };
}
