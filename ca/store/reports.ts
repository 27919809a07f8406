/** Where members said that they are reached, and who is told to a newcomer. */
import { equalBytes, type MemberId, memberIdToBytes, toHex } from "../../rings/index.js";
import { bytes, type Row, type Session, texts } from "./database/sql.js";
import type { ContactRecord } from "./store.js";
import type { Transaction } from "./writer.js";

/** A report that repeats an earlier one of the same second is not written: each write waits for the disk. */
const REPORT_STEP_MS = 1_000;

export function saveReport(
  tx: Transaction,
  networkId: Uint8Array,
  id: MemberId,
  addresses: readonly string[],
  at: number,
): void {
  const sql = `INSERT INTO reports VALUES (?,?,?,?) ON CONFLICT (id) DO UPDATE
    SET addresses = excluded.addresses, reported_at = excluded.reported_at
    WHERE reports.addresses <> excluded.addresses OR abs(reports.reported_at - excluded.reported_at) > ${REPORT_STEP_MS}`;
  tx.later(sql, memberIdToBytes(id), networkId, JSON.stringify(addresses), at);
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

/** Members of whom a newcomer may be told. */
const CANDIDATES = `SELECT r.id FROM reports r JOIN principals p ON p.id = r.id
  WHERE r.network_id = ? AND r.addresses <> '[]' AND p.status = 'active'
    AND EXISTS (SELECT 1 FROM certificates c WHERE c.id = r.id AND c.not_after > ?)`;

/** Their newest certificates, without those that are revoked or past their end. */
const CONTACTS = `SELECT r.addresses, c.leaf, i.certificate AS issuer_der FROM reports r
  JOIN certificates c ON c.serial =
    (SELECT serial FROM certificates WHERE id = r.id ORDER BY not_before DESC, serial DESC LIMIT 1)
  JOIN issuers i ON i.fingerprint = c.issuer
  WHERE c.not_after > ? AND NOT EXISTS (SELECT 1 FROM revocations v WHERE v.serial = c.serial)`;

/** Candidates are this many times as many, so that newcomers do not all ask the same ones. */
const CHOICE = 4;

export interface CandidateQuery {
  /** Unix milliseconds. */
  readonly now: number;
  /** How many contacts will be drawn from them at a time. */
  readonly limit: number;
  /** A random place among the ids. */
  readonly from: Uint8Array;
}

/**
 * As many that reported last as from a random place on: ids are random, so those that follow one another there are a
 * random choice, found without reading all of them.
 */
export async function candidatesOf(
  db: Session,
  networkId: Uint8Array,
  { now, limit, from }: CandidateQuery,
): Promise<Uint8Array[]> {
  const half = Math.ceil((limit * CHOICE) / 2) + 1; // The one that asks is among them.
  const recent = await db.all(`${CANDIDATES} ORDER BY r.reported_at DESC LIMIT ?`, networkId, now, half);
  const after = await db.all(`${CANDIDATES} AND r.id >= ? ORDER BY r.id LIMIT ?`, networkId, now, from, half);
  const rest = half - after.length;
  const before =
    rest === 0 ? [] : await db.all(`${CANDIDATES} AND r.id < ? ORDER BY r.id LIMIT ?`, networkId, now, from, rest);
  return unique([...recent, ...after, ...before]);
}

/** Draws `limit` of the candidates; certificates are read of those only. */
export async function contactsAmong(
  db: Session,
  candidates: readonly Uint8Array[],
  { except, now, limit }: { except: MemberId; now: number; limit: number },
): Promise<ContactRecord[]> {
  const self = memberIdToBytes(except);
  const drawn = shuffled(candidates.filter((id) => !equalBytes(id, self))).slice(0, limit);
  if (drawn.length === 0) return [];
  // Always as many places, so that it is one statement: some may hold the same id.
  const ids = Array.from({ length: limit }, (_, index) => drawn[index % drawn.length]);
  const sql = `${CONTACTS} AND r.id IN (${ids.map(() => "?").join(",")})`;
  return (await db.all(sql, now, ...ids)).map(contactOf);
}

function unique(rows: readonly Row[]): Uint8Array[] {
  const ids = rows.map(({ id }) => bytes(id));
  return [...new Map(ids.map((id) => [toHex(id), id])).values()];
}

/** Fisher and Yates; a guess of the order is worth nothing, so no strong randomness. */
function shuffled<T>(items: readonly T[]): T[] {
  const order = [...items];
  for (let last = order.length - 1; last > 0; last--) {
    const other = Math.floor(Math.random() * (last + 1));
    [order[last], order[other]] = [order[other]!, order[last]!];
  }
  return order;
}

function contactOf(row: Row): ContactRecord {
  return { leaf: bytes(row.leaf), issuer: bytes(row.issuer_der), addresses: texts(row.addresses) };
}
