/** Taking away what nobody needs any more, a thousand rows at a time, so that others are not kept waiting. */
import type { Session, Value } from "./database/sql.js";
import type { AuditNote, Prunable, PruneCursor, PruneMoment } from "./store.js";
import type { Transaction } from "./writer.js";

/** Rows that one transaction looks at. */
const PAGE = 1_000;

/**
 * A certificate that has ended, and could not be renewed any more, may go. What stays: one that is revoked (its key must be
 * known for ever, and proofs are compared with it), the newest of a name (it says whose the name is), one that an open token
 * bought, and one by which a key was renewed to another one, while the first is on record (a revocation follows it).
 */
const CERTIFICATES = `network_id = ? AND not_after < ? AND not_after + (not_after - issued_at) < ?
  AND NOT EXISTS (SELECT 1 FROM revocations r WHERE r.serial = certificates.serial)
  AND EXISTS (SELECT 1 FROM certificates n WHERE n.network_id = certificates.network_id
    AND n.principal = certificates.principal AND n.serial > certificates.serial)
  AND NOT EXISTS (SELECT 1 FROM tokens t WHERE t.hash = certificates.token AND t.expires_at > ?)
  AND (rekeyed_from IS NULL OR NOT EXISTS (SELECT 1 FROM certificates k
    WHERE k.network_id = certificates.network_id AND k.spki = certificates.rekeyed_from AND k.not_after >= ?))`;
/** Also those that were taken back. */
const TOKENS = "network_id = ? AND expires_at < ?";

function certificateValues(networkId: Uint8Array, { now, before }: PruneMoment): Value[] {
  return [networkId, before, now, now, before];
}

export async function countPrunable(db: Session, networkId: Uint8Array, moment: PruneMoment): Promise<Prunable> {
  const certificates = `SELECT count(*) AS n FROM certificates WHERE ${CERTIFICATES}`;
  const tokens = `SELECT count(*) AS n FROM tokens WHERE ${TOKENS}`;
  return {
    certificates: Number((await db.one(certificates, ...certificateValues(networkId, moment)))?.n),
    tokens: Number((await db.one(tokens, networkId, moment.before))?.n),
  };
}

export const PRUNE_START: PruneCursor = { notAfter: 0, serial: "" };

/** One page of certificates. `next` is undefined after the last one. */
export async function pruneCertificates(
  tx: Transaction,
  networkId: Uint8Array,
  { moment, after }: { readonly moment: PruneMoment; readonly after: PruneCursor },
  noteOf: (count: number) => AuditNote,
): Promise<{ readonly count: number; readonly next: PruneCursor | undefined }> {
  const page = `SELECT not_after, serial FROM certificates
    WHERE network_id = ? AND not_after < ? AND (not_after, serial) > (?, ?) ORDER BY not_after, serial LIMIT ?`;
  const rows = await tx.all(page, networkId, moment.before, after.notAfter, after.serial, PAGE);
  const last = rows.at(-1);
  if (last === undefined) return { count: 0, next: undefined };
  const next = { notAfter: Number(last.not_after), serial: String(last.serial) };
  const sql = `DELETE FROM certificates WHERE (not_after, serial) > (?, ?) AND (not_after, serial) <= (?, ?) AND ${CERTIFICATES}`;
  const span = [after.notAfter, after.serial, next.notAfter, next.serial];
  const count = await tx.run(sql, ...span, ...certificateValues(networkId, moment));
  if (count > 0) tx.note(noteOf(count), networkId);
  return { count, next: rows.length < PAGE ? undefined : next };
}

/** One page of tokens; 0 when none is left. */
export async function pruneTokens(
  tx: Transaction,
  networkId: Uint8Array,
  { before }: PruneMoment,
  noteOf: (count: number) => AuditNote,
): Promise<number> {
  const sql = `DELETE FROM tokens WHERE hash IN (SELECT hash FROM tokens WHERE ${TOKENS} LIMIT ?)`;
  const count = await tx.run(sql, networkId, before, PAGE);
  if (count > 0) tx.note(noteOf(count), networkId);
  return count;
}

/** The number of the last entry before the first that is as young as `before`; never of the newest one. 0 for none. */
export async function prunableAudit(db: Session, before: number): Promise<number> {
  const young = await db.one("SELECT min(sequence) AS n FROM audit WHERE at >= ?", before);
  const newest = await db.one("SELECT max(sequence) AS n FROM audit");
  const end = young?.n === null || young?.n === undefined ? Number(newest?.n ?? 0) : Number(young.n);
  const first = await db.one("SELECT min(sequence) AS n FROM audit");
  return end - 1 < Number(first?.n ?? 0) ? 0 : end - 1;
}

/** Entries up to this number, the oldest first, one page; 0 when none is left. The note comes with the first page. */
export async function pruneAudit(tx: Transaction, upTo: number, note?: AuditNote): Promise<number> {
  const first = Number((await tx.one("SELECT min(sequence) AS n FROM audit"))?.n ?? 0);
  const count = await tx.run("DELETE FROM audit WHERE sequence <= ?", Math.min(upTo, first + PAGE - 1));
  tx.note(note);
  if (note !== undefined) tx.weigh();
  return count;
}
