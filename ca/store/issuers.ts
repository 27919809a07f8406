/** The intermediate certificates of a network, and which of them signs. */

import { bytes, optionalNumber, type Row, type Session } from "./database/sql.js";
import type { AuditNote, IssuerRecord, IssuerState, Recorded } from "./store.js";
import type { Transaction } from "./writer.js";

export async function issuersOf(db: Session, networkId: Uint8Array): Promise<IssuerRecord[]> {
  const sql = "SELECT * FROM issuers WHERE network_id = ? ORDER BY prepared_at, not_before, fingerprint";
  return (await db.all(sql, networkId)).map(issuerOf);
}

export async function insertIssuer(tx: Session, networkId: Uint8Array, issuer: IssuerRecord): Promise<void> {
  const { fingerprint, certificate, state, keyReference, notBefore, notAfter } = issuer;
  const { preparedAt, activatedAt, retiredAt } = issuer;
  const values = [fingerprint, networkId, certificate, state, keyReference, notBefore, notAfter];
  await tx.run("INSERT INTO issuers VALUES (?,?,?,?,?,?,?,?,?,?)", ...values, preparedAt, activatedAt, retiredAt);
}

export async function prepareIssuer(
  tx: Transaction,
  networkId: Uint8Array,
  issuer: IssuerRecord,
  note?: AuditNote,
): Promise<Recorded> {
  const known = await tx.one("SELECT state FROM issuers WHERE fingerprint = ?", issuer.fingerprint);
  if (known !== undefined) return "refused";
  await insertIssuer(tx, networkId, { ...issuer, state: "prepared", activatedAt: undefined, retiredAt: undefined });
  tx.note(note, networkId);
  tx.weigh();
  return "recorded";
}

export async function activateIssuer(
  tx: Transaction,
  networkId: Uint8Array,
  { fingerprint, at, note }: IssuerAct,
): Promise<Recorded> {
  if ((await stateOf(tx, networkId, fingerprint)) !== "prepared") return "refused";
  await tx.run("UPDATE issuers SET state = 'outgoing' WHERE network_id = ? AND state = 'active'", networkId);
  const activate = "UPDATE issuers SET state = 'active', activated_at = ? WHERE fingerprint = ?";
  await tx.run(activate, at, fingerprint);
  tx.note(note, networkId);
  tx.weigh();
  return "recorded";
}

export async function retireIssuer(
  tx: Transaction,
  networkId: Uint8Array,
  { fingerprint, at, note }: IssuerAct,
): Promise<Recorded> {
  const state = await stateOf(tx, networkId, fingerprint);
  if (state !== "prepared" && state !== "outgoing") return "refused";
  await tx.run("UPDATE issuers SET state = 'retired', retired_at = ? WHERE fingerprint = ?", at, fingerprint);
  tx.note(note, networkId);
  tx.weigh();
  return "recorded";
}

export interface IssuerAct {
  readonly fingerprint: string;
  /** Unix milliseconds. */
  readonly at: number;
  readonly note?: AuditNote | undefined;
}

async function stateOf(tx: Session, networkId: Uint8Array, fingerprint: string): Promise<unknown> {
  const sql = "SELECT state FROM issuers WHERE fingerprint = ? AND network_id = ?";
  return (await tx.one(sql, fingerprint, networkId))?.state;
}

function issuerOf(row: Row): IssuerRecord {
  return {
    fingerprint: String(row.fingerprint),
    certificate: bytes(row.certificate),
    state: String(row.state) as IssuerState,
    keyReference: String(row.key_reference),
    notBefore: Number(row.not_before),
    notAfter: Number(row.not_after),
    preparedAt: Number(row.prepared_at),
    activatedAt: optionalNumber(row.activated_at),
    retiredAt: optionalNumber(row.retired_at),
  };
}
