/** Who said that it is there, where and when, and who is named to a newcomer. */
import { CLOCK_TOLERANCE_MS } from "../../identity/index.js";
import { equalBytes, type MemberId, memberIdToBytes, toHex } from "../../rings/index.js";
import { dueAt, SERVED_GAP_MS } from "../policy.js";
import { bytes, type Row, type Session, texts } from "./database/sql.js";
import type { ContactRecord, MemberReport, Served } from "./store.js";
import type { Transaction } from "./writer.js";

/** A report that repeats an earlier one of the same second is not written: each write waits for the disk. */
export const REPORT_STEP_MS = 1_000;

/** `since` begins anew after a goodbye, and after a silence that was longer than promised. */
const SINCE = `CASE WHEN reports.left_at IS NULL AND reports.due_at >= excluded.reported_at
  AND reports.since <= excluded.reported_at THEN reports.since ELSE excluded.since END`;

export function saveReport(
  tx: Transaction,
  networkId: Uint8Array,
  { id, addresses, at, dueAt, leaving }: MemberReport,
): void {
  const sql = `INSERT INTO reports VALUES (?,?,?,?,?,?,?) ON CONFLICT (id) DO UPDATE
    SET addresses = excluded.addresses, reported_at = excluded.reported_at, since = ${SINCE}, due_at = excluded.due_at,
      left_at = excluded.left_at
    WHERE reports.addresses <> excluded.addresses OR abs(reports.reported_at - excluded.reported_at) > ${REPORT_STEP_MS}
      OR reports.left_at IS NOT NULL OR excluded.left_at IS NOT NULL`;
  const leftAt = leaving ? at : null;
  tx.later(sql, memberIdToBytes(id), networkId, JSON.stringify(addresses), at, at, dueAt, leftAt);
}

/** Whether `saveReport` would change nothing. */
export async function isReported(db: Session, { id, addresses, at, leaving }: MemberReport): Promise<boolean> {
  const row = await db.one("SELECT addresses, reported_at, left_at FROM reports WHERE id = ?", memberIdToBytes(id));
  if (row === undefined || row.addresses !== JSON.stringify(addresses) || row.left_at !== null || leaving) return false;
  return Math.abs(Number(row.reported_at) - at) <= REPORT_STEP_MS;
}

/** Members of whom a newcomer may be told, with the network's id and the time. */
const CANDIDATES = `SELECT r.id FROM reports r JOIN principals p ON p.id = r.id
  WHERE r.network_id = ? AND r.left_at IS NULL AND r.addresses <> '[]' AND p.status = 'active'
    AND EXISTS (SELECT 1 FROM certificates c WHERE c.id = r.id AND c.not_after + 0 > ?)`;
/** Their next report is not overdue: with now, and the latest instant that can have been promised by now. */
const FRESH = "r.due_at BETWEEN ? AND ?";
const OVERDUE = "r.due_at < ?";
/** Heard of more than once in this life: most that crash do so at once. */
const STEADY = "r.since < r.reported_at";

/** Their newest certificates, without those that are revoked or past their end. "+ 0": that end is no way to find them. */
const CONTACTS = `SELECT r.id, r.addresses, c.leaf, i.certificate AS issuer_der FROM reports r
  JOIN certificates c ON c.serial =
    (SELECT serial FROM certificates WHERE id = r.id ORDER BY not_before DESC, serial DESC LIMIT 1)
  JOIN issuers i ON i.fingerprint = c.issuer
  WHERE c.not_after + 0 > ? AND NOT EXISTS (SELECT 1 FROM revocations v WHERE v.serial = c.serial)`;

/** Candidates are this many times as many, so that newcomers do not all ask the same ones. */
const CHOICE = 4;
/** Fewer contacts than a joiner asks at once are made up with members that may be gone. */
const CONTACTS_MIN = 3;

export interface CandidateQuery {
  /** Unix milliseconds. */
  readonly now: number;
  /** How many contacts will be drawn from them at a time. */
  readonly limit: number;
  /** A random place among the ids. */
  readonly from: Uint8Array;
}

/** Ids of members, each in one of the groups. */
export interface Candidates {
  /** At random of those that are there and have been for a while. */
  readonly steady: readonly Uint8Array[];
  /** Others that are there: the last to report, and as many at random. */
  readonly others: readonly Uint8Array[];
  /** The last to report of those that are overdue. */
  readonly overdue: readonly Uint8Array[];
}

/**
 * Ids are random, so those that follow one another from a random place on are a random choice, found without reading all
 * of them.
 */
export async function candidatesOf(
  db: Session,
  networkId: Uint8Array,
  { now, limit, from }: CandidateQuery,
): Promise<Candidates> {
  const half = Math.ceil((limit * CHOICE) / 2) + 1; // The asker is among them.
  const ids = async (condition: string, ...values: readonly (number | Uint8Array)[]) =>
    (await db.all(`${CANDIDATES} AND ${condition}`, networkId, now, ...values)).map(({ id }) => bytes(id));
  const span = [now, dueAt(now + CLOCK_TOLERANCE_MS)] as const; // What another replica heard may be ahead.
  const atRandom = async (condition: string) => {
    const after = await ids(`${condition} AND r.id >= ? ORDER BY r.id LIMIT ?`, ...span, from, half);
    const rest = half - after.length;
    const before = rest === 0 ? [] : await ids(`${condition} AND r.id < ? ORDER BY r.id LIMIT ?`, ...span, from, rest);
    return [...after, ...before];
  };
  const steady = await atRandom(`${FRESH} AND ${STEADY}`);
  const recent = await ids(`${FRESH} ORDER BY r.reported_at DESC LIMIT ?`, ...span, half);
  const others = without([...recent, ...(await atRandom(FRESH))], steady);
  const isFew = steady.length + others.length <= CONTACTS_MIN; // The asker is among them.
  const overdue = isFew ? await ids(`${OVERDUE} ORDER BY r.reported_at DESC LIMIT ?`, now, limit + 1) : [];
  return { steady, others, overdue };
}

/** Each once, but for those that `chosen` has. */
function without(ids: readonly Uint8Array[], chosen: readonly Uint8Array[]): Uint8Array[] {
  const found = new Map(ids.map((id) => [toHex(id), id]));
  for (const id of chosen) found.delete(toHex(id));
  return [...found.values()];
}

/** Draws `limit` of the candidates, in the order in which to try them; certificates are read of those only. */
export async function contactsAmong(
  db: Session,
  candidates: Candidates,
  { except, now, limit }: { except: MemberId; now: number; limit: number },
): Promise<ContactRecord[]> {
  const drawn = draw(candidates, memberIdToBytes(except), limit);
  if (drawn.length === 0) return [];
  // Always as many places, so that it is one statement: some may hold the same id.
  const ids = Array.from({ length: limit }, (_, index) => drawn[index % drawn.length]);
  const sql = `${CONTACTS} AND r.id IN (${ids.map(() => "?").join(",")})`;
  const contacts = new Map((await db.all(sql, now, ...ids)).map((row) => [toHex(bytes(row.id)), contactOf(row)]));
  return drawn.flatMap((id) => contacts.get(toHex(id)) ?? []);
}

/** By turns of both groups; overdue ones last, and only where there are few others. */
function draw({ steady, others, overdue }: Candidates, self: Uint8Array, limit: number): Uint8Array[] {
  const [first, second, last] = [steady, others, overdue].map((ids) => ids.filter((id) => !equalBytes(id, self)));
  const there = alternating(shuffled(first!), shuffled(second!)).slice(0, limit);
  const missing = there.length === 0 ? limit : Math.max(0, Math.min(limit, CONTACTS_MIN) - there.length);
  return [...there, ...last!.slice(0, missing)];
}

function alternating<T>(one: readonly T[], other: readonly T[]): T[] {
  const length = Math.max(one.length, other.length);
  return Array.from({ length }, (_, index) => [
    ...one.slice(index, index + 1),
    ...other.slice(index, index + 1),
  ]).flat();
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

/** Since when the network is served: while nobody served it, nobody could be heard of. */
export function saveServed(tx: Transaction, networkId: Uint8Array, now: number): void {
  const since = "CASE WHEN served_at BETWEEN ? AND ? THEN served_since ELSE ? END";
  const values = [now - SERVED_GAP_MS, now + SERVED_GAP_MS, now, now];
  tx.later(`UPDATE networks SET served_since = ${since}, served_at = ? WHERE network_id = ?`, ...values, networkId);
}

export async function servedAt(db: Session, networkId: Uint8Array): Promise<Served> {
  const row = await db.one("SELECT served_since, served_at FROM networks WHERE network_id = ?", networkId);
  return { since: Number(row?.served_since ?? 0), at: Number(row?.served_at ?? 0) };
}
