/** Principals: who was admitted under which id, and how many there are. */
import { type MemberId, memberIdFromBytes, memberIdToBytes } from "../../rings/index.js";
import { bytes, optionalNumber, optionalText, type Row, type Session, texts } from "./database/sql.js";
import type {
  AuditNote,
  Counts,
  HowIssued,
  MemberRecord,
  Page,
  PrincipalRecord,
  PrincipalStatus,
  Recorded,
} from "./store.js";
import { CANCELLED_AT } from "./tokens.js";
import type { Transaction } from "./writer.js";

const MEMBERS = `SELECT p.*, c.serial, c.not_after, c.issued_at, c.how, c.issuer, r.addresses, r.reported_at, r.left_at FROM principals p
  LEFT JOIN certificates c ON c.serial =
    (SELECT serial FROM certificates WHERE id = p.id ORDER BY not_before DESC, serial DESC LIMIT 1)
  LEFT JOIN reports r ON r.id = p.id WHERE p.network_id = ?`;

export async function memberNamed(db: Session, networkId: Uint8Array, name: string): Promise<MemberRecord | undefined> {
  const row = await db.one(`${MEMBERS} AND p.principal = ?`, networkId, name);
  return row === undefined ? undefined : memberOf(row);
}

export async function memberWithId(
  db: Session,
  networkId: Uint8Array,
  id: MemberId,
): Promise<MemberRecord | undefined> {
  const row = await db.one(`${MEMBERS} AND p.id = ?`, networkId, memberIdToBytes(id));
  return row === undefined ? undefined : memberOf(row);
}

export async function membersAfter(
  db: Session,
  networkId: Uint8Array,
  { after = "", limit }: Page,
): Promise<MemberRecord[]> {
  const rows = await db.all(`${MEMBERS} AND p.principal > ? ORDER BY p.principal LIMIT ?`, networkId, after, limit);
  return rows.map(memberOf);
}

/** What the old id had reported goes with it, and tokens of before: whoever was thrown out may have kept one. */
export async function raiseGeneration(
  tx: Transaction,
  networkId: Uint8Array,
  { principal, generation, id }: PrincipalRecord,
  note?: AuditNote,
): Promise<Recorded> {
  const of = "network_id = ? AND principal = ? AND generation = ?";
  const old = await tx.one(`SELECT id FROM principals WHERE ${of}`, networkId, principal, generation - 1);
  if (old === undefined) return "refused";
  const sql = `UPDATE principals SET generation = ?, id = ?, status = 'active' WHERE ${of}`;
  await tx.run(sql, generation, memberIdToBytes(id), networkId, principal, generation - 1);
  await tx.run("DELETE FROM reports WHERE id = ?", bytes(old.id));
  const unused = "network_id = ? AND principal = ? AND used < uses";
  await tx.run(`UPDATE tokens SET expires_at = ${CANCELLED_AT} WHERE ${unused}`, networkId, principal);
  tx.note(note, networkId);
  tx.weigh();
  return "recorded";
}

/** Nobody is told of it as a contact any more. */
export async function declareGone(
  tx: Transaction,
  networkId: Uint8Array,
  { principal, at, note }: { readonly principal: string; readonly at: number; readonly note?: AuditNote | undefined },
): Promise<Recorded> {
  const sql = "UPDATE principals SET gone_at = ? WHERE network_id = ? AND principal = ?";
  if ((await tx.run(sql, at, networkId, principal)) === 0) return "refused";
  const id = "(SELECT id FROM principals WHERE network_id = ? AND principal = ?)";
  await tx.run(`UPDATE reports SET left_at = ? WHERE left_at IS NULL AND id = ${id}`, at, networkId, principal);
  tx.note(note, networkId);
  tx.weigh();
  return "recorded";
}

export async function countsAt(db: Session, networkId: Uint8Array, now: number): Promise<Counts> {
  const sql = `SELECT (SELECT count(*) FROM principals WHERE network_id = ?) AS principals,
    (SELECT count(*) FROM certificates WHERE network_id = ?) AS certificates,
    (SELECT count(*) FROM certificates WHERE network_id = ? AND not_after > ?) AS valid,
    (SELECT count(*) FROM tokens WHERE network_id = ? AND expires_at > ? AND used < uses) AS tokens,
    (SELECT count(*) FROM revocations WHERE network_id = ?) AS revocations`;
  const row = await db.one(sql, networkId, networkId, networkId, now, networkId, now, networkId);
  return {
    principals: Number(row?.principals),
    certificates: Number(row?.certificates),
    validCertificates: Number(row?.valid),
    tokens: Number(row?.tokens),
    revocations: Number(row?.revocations),
  };
}

export function principalOf(row: Row): PrincipalRecord {
  return { principal: String(row.principal), generation: Number(row.generation), id: memberIdFromBytes(bytes(row.id)) };
}

function memberOf(row: Row): MemberRecord {
  const [issuedAt, reportedAt] = [optionalNumber(row.issued_at), optionalNumber(row.reported_at)];
  const [heardAt, goneAt] = [Math.max(issuedAt ?? 0, reportedAt ?? 0), optionalNumber(row.gone_at)];
  return {
    ...principalOf(row),
    heardAt,
    goneAt: goneAt !== undefined && goneAt >= heardAt ? goneAt : undefined,
    how: optionalText(row.how) as HowIssued | undefined,
    issuer: optionalText(row.issuer),
    status: String(row.status) as PrincipalStatus,
    createdAt: Number(row.created_at),
    serial: optionalText(row.serial),
    notAfter: optionalNumber(row.not_after),
    addresses: texts(row.addresses),
    reportedAt,
    leftAt: optionalNumber(row.left_at),
  };
}
