/** Where members said that they are reached, and who is told to a newcomer. */
import { type MemberId, memberIdToBytes } from "../../rings/index.js";
import type { ContactRecord } from "../store.js";
import { bytes, type Row, type Session, texts } from "./sql.js";

/** A report that repeats an earlier one of the same second is not written: each write waits for the disk. */
const REPORT_STEP_MS = 1_000;

export async function saveReport(
  db: Session,
  networkId: Uint8Array,
  id: MemberId,
  addresses: readonly string[],
  at: number,
): Promise<void> {
  const sql = `INSERT INTO reports VALUES (?,?,?,?) ON CONFLICT (id) DO UPDATE
    SET addresses = excluded.addresses, reported_at = excluded.reported_at
    WHERE reports.addresses <> excluded.addresses OR abs(reports.reported_at - excluded.reported_at) > ${REPORT_STEP_MS}`;
  await db.run(sql, memberIdToBytes(id), networkId, JSON.stringify(addresses), at);
}

/** Whether `saveReport` would change nothing. */
export async function isReported(
  db: Session,
  id: MemberId,
  addresses: readonly string[],
  at: number,
): Promise<boolean> {
  const row = await db.one("SELECT addresses, reported_at FROM reports WHERE id = ?", memberIdToBytes(id));
  if (row === undefined || row.addresses !== JSON.stringify(addresses)) return false;
  return Math.abs(Number(row.reported_at) - at) <= REPORT_STEP_MS;
}

const CONTACTS = `SELECT r.id, r.addresses, c.leaf, i.certificate AS issuer_der FROM reports r
  JOIN principals p ON p.id = r.id
  JOIN certificates c ON c.serial =
    (SELECT serial FROM certificates WHERE id = r.id ORDER BY not_before DESC, serial DESC LIMIT 1)
  JOIN issuers i ON i.fingerprint = c.issuer
  WHERE r.network_id = ? AND r.id <> ? AND r.addresses <> '[]' AND c.not_after > ? AND p.status = 'active'
    AND i.state <> 'retired' AND NOT EXISTS (SELECT 1 FROM revocations v WHERE v.serial = c.serial)`;

/**
 * Half the last to report, half from a random place on: ids are random, so those that follow one another there are a
 * random choice, found without reading all of them.
 */
export async function contactsOf(
  db: Session,
  networkId: Uint8Array,
  { except, now, limit, from }: { except: MemberId; now: number; limit: number; from: Uint8Array },
): Promise<ContactRecord[]> {
  const common = [networkId, memberIdToBytes(except), now] as const;
  const recent = await db.all(`${CONTACTS} ORDER BY r.reported_at DESC LIMIT ?`, ...common, Math.ceil(limit / 2));
  const wanted = limit - recent.length;
  const after = await db.all(`${CONTACTS} AND r.id >= ? ORDER BY r.id LIMIT ?`, ...common, from, wanted);
  const rest = wanted - after.length;
  const before =
    rest === 0 ? [] : await db.all(`${CONTACTS} AND r.id < ? ORDER BY r.id LIMIT ?`, ...common, from, rest);
  return unique([...recent, ...after, ...before]).map(contactOf);
}

function unique(rows: readonly Row[]): Row[] {
  const byId = new Map(rows.map((row) => [Buffer.from(bytes(row.id)).toString("hex"), row]));
  return [...byId.values()];
}

function contactOf(row: Row): ContactRecord {
  return { leaf: bytes(row.leaf), issuer: bytes(row.issuer_der), addresses: texts(row.addresses) };
}
