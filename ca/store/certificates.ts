/** Certificates and the tokens that buy them. */
import { fingerprintOf } from "../../identity/index.js";
import { equalBytes, type MemberId, memberIdToBytes, toHex } from "../../rings/index.js";
import { dueAt } from "../policy.js";
import { bytes, optionalNumber, type Row, type Session, type Value } from "./database/sql.js";
import { principalOf } from "./principals.js";
import { saveReport } from "./reports.js";
import type {
  AuditNote,
  CertificateOutcome,
  CertificateQuery,
  CertificateRecord,
  Condition,
  HowIssued,
  NewCertificate,
  TokenRecord,
} from "./store.js";
import type { Proposal, Transaction } from "./writer.js";

const CERTIFICATES =
  "SELECT c.*, i.certificate AS issuer_der FROM certificates c JOIN issuers i ON i.fingerprint = c.issuer";

export async function certificateOfSerial(
  db: Session,
  networkId: Uint8Array,
  serial: string,
): Promise<CertificateRecord | undefined> {
  return certificateIn(await db.one(`${CERTIFICATES} WHERE c.serial = ? AND c.network_id = ?`, serial, networkId));
}

export async function certificateOfKey(
  db: Session,
  networkId: Uint8Array,
  principal: string,
  spki: Uint8Array,
): Promise<CertificateRecord | undefined> {
  const sql = `${CERTIFICATES} JOIN principals p ON p.id = c.id
    WHERE c.network_id = ? AND c.spki = ? AND c.principal = ? ORDER BY c.not_before DESC, c.serial DESC LIMIT 1`;
  return certificateIn(await db.one(sql, networkId, spki, principal));
}

export async function certificatesAfter(
  db: Session,
  networkId: Uint8Array,
  { principal, id, spki, validAt, after = "", limit }: CertificateQuery,
): Promise<CertificateRecord[]> {
  const conditions = ["c.network_id = ?", "c.serial > ?"];
  const values: Value[] = [networkId, after];
  const where = (condition: string, value: Value) => {
    conditions.push(condition);
    values.push(value);
  };
  if (principal !== undefined) where("c.principal = ?", principal);
  if (id !== undefined) where("c.id = ?", memberIdToBytes(id));
  if (spki !== undefined) where("c.spki = ?", spki);
  if (validAt !== undefined) where("c.not_after > ?", validAt);
  const sql = `${CERTIFICATES} WHERE ${conditions.join(" AND ")} ORDER BY c.serial LIMIT ?`;
  return (await db.all(sql, ...values, limit)).map(certificateOf);
}

/** Keys that another key got certificates for, by renewal. */
export async function keysRenewedBy(db: Session, networkId: Uint8Array, spki: Uint8Array): Promise<Uint8Array[]> {
  const sql = "SELECT DISTINCT spki FROM certificates WHERE network_id = ? AND rekeyed_from = ?";
  return (await db.all(sql, networkId, spki)).map((row) => bytes(row.spki));
}

export async function countIssuedSince(db: Session, id: MemberId, since: number): Promise<number> {
  const sql = "SELECT count(*) AS n FROM certificates WHERE id = ? AND issued_at >= ?";
  return Number((await db.one(sql, memberIdToBytes(id), since))?.n);
}

/** Everything that decides is read in one statement; after that nothing is refused any more. */
export function certificateDecision(networkId: Uint8Array, order: NewCertificate): Proposal<CertificateOutcome> {
  const { certificate, condition } = order;
  return {
    touches: touchedBy(certificate, condition),
    look: async (session) => {
      const facts = await factsOf(session, networkId, certificate, condition);
      return (tx) => recordCertificate(tx, networkId, order, facts);
    },
  };
}

/** What `factsOf` reads and `recordCertificate` changes: of two orders with one in common the second looks after the first. */
function touchedBy({ principal, id, spki }: CertificateRecord, condition: Condition): string[] {
  const named = [`principal ${principal.toLowerCase()}`, `id ${id}`, `key ${toHex(spki)}`];
  if ("hash" in condition) return [...named, `token ${toHex(condition.hash)}`];
  return condition.kind === "renewal" ? [...named, `key ${toHex(condition.spki)}`] : named;
}

function recordCertificate(
  tx: Transaction,
  networkId: Uint8Array,
  { certificate, condition, addresses, note }: NewCertificate,
  facts: Row,
): CertificateOutcome {
  const refusal = refusalOf(facts, certificate, condition);
  if (refusal !== undefined) return refusal;
  if (facts.generation === null)
    insertPrincipal(tx, networkId, certificate, condition.kind === "jwt" ? condition.source : "");
  insertCertificate(tx, networkId, certificate, condition);
  if (condition.kind === "token") tx.later("UPDATE tokens SET used = used + 1 WHERE hash = ?", condition.hash);
  if (condition.kind === "jwt" && Number(facts.known) === 0) {
    const { hash, keptUntil } = condition;
    tx.later("INSERT INTO tokens VALUES (?,?,?,?,1,1)", hash, networkId, certificate.principal, keptUntil);
  }
  const { id, issuedAt: at } = certificate;
  if (addresses.length > 0) saveReport(tx, networkId, { id, addresses, at, dueAt: dueAt(at), leaving: false });
  tx.note(note, networkId);
  return "recorded";
}

async function factsOf(
  session: Session,
  networkId: Uint8Array,
  certificate: CertificateRecord,
  condition: Condition,
): Promise<Row> {
  const facts = questions(networkId, certificate, condition);
  const sql = `SELECT p.generation, p.status, p.id, p.source, i.state, ${facts.map(([fact]) => fact).join(", ")}
    FROM issuers i LEFT JOIN principals p ON p.network_id = i.network_id AND p.principal = ?
    WHERE i.fingerprint = ? AND i.network_id = ?`;
  const values = facts.flatMap(([, ...asked]) => asked);
  const row = await session.one(sql, ...values, certificate.principal, fingerprintOf(certificate.issuer), networkId);
  return row ?? { generation: null, state: "unknown" };
}

/** Each fact as SQL, with the values of its own question marks. */
function questions(
  networkId: Uint8Array,
  { principal, id, spki, issuedAt }: CertificateRecord,
  condition: Condition,
): readonly (readonly [sql: string, ...values: Value[]])[] {
  const hash = "hash" in condition ? condition.hash : new Uint8Array();
  const proven = condition.kind === "renewal" ? condition.serial : "";
  const member = memberIdToBytes(id);
  const revoked = "SELECT count(*) FROM revocations r JOIN certificates c ON c.serial = r.serial";
  const own = "SELECT count(*) FROM certificates c WHERE c.network_id = ?";
  const unused = "SELECT count(*) FROM tokens WHERE hash = ? AND network_id = ? AND used < uses AND expires_at > ?";
  const bought = `SELECT max(c.not_after + 0) FROM certificates c
    WHERE c.network_id = ? AND c.spki = ? AND c.id = ? AND c.token = ?`;
  const provenKey = "SELECT spki FROM certificates WHERE serial = ?";
  const alike = "SELECT count(*) FROM principals WHERE lower(principal) = ? AND network_id = ? AND principal <> ?";
  return [
    [`(${unused}) AS unused`, hash, networkId, issuedAt],
    ["(SELECT count(*) FROM tokens WHERE hash = ?) AS known", hash],
    [`(${bought}) AS bought_until`, networkId, spki, member, hash],
    [`(${revoked} WHERE c.network_id = ? AND c.spki = ?) AS revoked_key`, networkId, spki],
    [`(${own} AND c.spki = ? AND c.principal = ?) AS own_key`, networkId, spki, principal],
    ["(SELECT count(*) FROM revocations WHERE id = ?) AS revoked_id", member],
    [`(${revoked} WHERE c.network_id = ? AND c.spki = (${provenKey})) AS revoked_proof`, networkId, proven],
    [`(${own} AND c.principal = ?) AS named`, networkId, principal],
    [`(${alike}) AS alike`, principal.toLowerCase(), networkId, principal],
  ];
}

function refusalOf(
  facts: Row,
  certificate: CertificateRecord,
  condition: Condition,
): Exclude<CertificateOutcome, "recorded"> | undefined {
  if (facts.state !== "active") return "issuer-inactive";
  if (facts.generation !== null) {
    const { generation, id } = principalOf({ ...facts, principal: certificate.principal });
    if (generation !== certificate.generation || id !== certificate.id) return "generation-changed";
    if (facts.status !== "active") return "principal-revoked";
  }
  // A member that was admitted before names were compared in this way keeps its own.
  if (facts.generation === null && Number(facts.alike) > 0) return "name-alike";
  // Also one that was lost with the newest records, and is known from a list only.
  if (Number(facts.revoked_id) > 0) return "principal-revoked";
  const boughtUntil = optionalNumber(facts.bought_until);
  const isBought = boughtUntil !== undefined && boughtUntil > certificate.issuedAt;
  if (condition.kind === "token" && (Number(facts.unused) === 0 || isBought)) return "token-used";
  const isAnothers = Number(facts.known) > 0 && boughtUntil === undefined;
  if (condition.kind === "jwt" && (isAnothers || isBought)) return "token-used";
  if (Number(facts.revoked_key) > 0 || Number(facts.revoked_proof) > 0) return "key-revoked";
  const isKnown = facts.generation !== null;
  if (condition.kind === "token" && condition.isForNewNames && isKnown && boughtUntil === undefined)
    return "name-taken";
  if (condition.kind === "jwt" && isKnown && facts.source !== condition.source) return "name-taken";
  const isTaken = Number(facts.named) > 0 && Number(facts.own_key) === 0;
  return condition.kind === "free-name" && isTaken ? "name-taken" : undefined;
}

function insertPrincipal(
  tx: Transaction,
  networkId: Uint8Array,
  { principal, generation, id, issuedAt }: CertificateRecord,
  source: string,
): void {
  tx.add("principals", networkId, principal, generation, memberIdToBytes(id), "active", issuedAt, source, null);
}

function insertCertificate(
  tx: Transaction,
  networkId: Uint8Array,
  record: CertificateRecord,
  condition: Condition,
): void {
  const { serial, principal, generation, id, spki, leaf, issuer, notBefore, notAfter, issuedAt, how } = record;
  const token = "hash" in condition ? condition.hash : null;
  const rekeyedFrom = condition.kind === "renewal" && !equalBytes(condition.spki, spki) ? condition.spki : null;
  const names = [serial, networkId, principal, generation, memberIdToBytes(id)] as const;
  const certificate = [spki, leaf, fingerprintOf(issuer), notBefore, notAfter, issuedAt, how] as const;
  tx.add("certificates", ...names, ...certificate, token, rekeyedFrom);
}

export function createToken(
  tx: Transaction,
  networkId: Uint8Array,
  { hash, principal, expiresAt, uses }: Omit<TokenRecord, "used">,
  note?: AuditNote,
): void {
  tx.add("tokens", hash, networkId, principal, expiresAt, uses, 0);
  tx.note(note, networkId);
}

export async function tokenOfHash(
  db: Session,
  networkId: Uint8Array,
  hash: Uint8Array,
): Promise<TokenRecord | undefined> {
  const row = await db.one("SELECT * FROM tokens WHERE hash = ? AND network_id = ?", hash, networkId);
  if (row === undefined || !equalBytes(bytes(row.hash), hash)) return undefined;
  const { principal, expires_at: expiresAt, uses, used } = row;
  return {
    ...{ hash, principal: String(principal), expiresAt: Number(expiresAt) },
    ...{ uses: Number(uses), used: Number(used) },
  };
}

export async function certificateOfToken(
  db: Session,
  networkId: Uint8Array,
  { hash, principal, spki }: { readonly hash: Uint8Array; readonly principal: string; readonly spki: Uint8Array },
): Promise<CertificateRecord | undefined> {
  const sql = `${CERTIFICATES} WHERE c.network_id = ? AND c.spki = ? AND c.principal = ? AND c.token = ?
    ORDER BY c.not_before DESC, c.serial DESC LIMIT 1`;
  return certificateIn(await db.one(sql, networkId, spki, principal, hash));
}

function certificateIn(row: Row | undefined): CertificateRecord | undefined {
  return row === undefined ? undefined : certificateOf(row);
}

function certificateOf(row: Row): CertificateRecord {
  return {
    ...principalOf(row),
    serial: String(row.serial),
    spki: bytes(row.spki),
    leaf: bytes(row.leaf),
    issuer: bytes(row.issuer_der),
    notBefore: Number(row.not_before),
    notAfter: Number(row.not_after),
    issuedAt: Number(row.issued_at),
    how: String(row.how) as HowIssued,
  };
}
