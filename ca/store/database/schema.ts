/** The tables of version 6, in the words of SQLite; PostgreSQL's are made from them. Older versions come here by migrations. */

/** A database of a newer version is refused, an older one is migrated. */
export const SCHEMA_VERSION = 6;

const TABLES = `
CREATE TABLE authority (
  one INTEGER PRIMARY KEY CHECK (one = 1), root BLOB NOT NULL, created_at INTEGER NOT NULL, epoch INTEGER NOT NULL
) STRICT;
CREATE TABLE networks (
  network_id BLOB PRIMARY KEY, name TEXT NOT NULL UNIQUE, ring_count INTEGER NOT NULL, delta_ms INTEGER NOT NULL,
  id_secret BLOB NOT NULL, created_at INTEGER NOT NULL, list_number INTEGER NOT NULL,
  urls TEXT NOT NULL, served_since INTEGER NOT NULL DEFAULT 0, served_at INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE TABLE issuers (
  fingerprint TEXT PRIMARY KEY, network_id BLOB NOT NULL REFERENCES networks, certificate BLOB NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('prepared', 'active', 'outgoing', 'retired')), key_reference TEXT NOT NULL,
  not_before INTEGER NOT NULL, not_after INTEGER NOT NULL, prepared_at INTEGER NOT NULL, activated_at INTEGER,
  retired_at INTEGER
) STRICT;
CREATE UNIQUE INDEX issuers_active ON issuers (network_id) WHERE state = 'active';
CREATE TABLE principals (
  network_id BLOB NOT NULL REFERENCES networks, principal TEXT NOT NULL, generation INTEGER NOT NULL,
  id BLOB NOT NULL UNIQUE, status TEXT NOT NULL CHECK (status IN ('active', 'revoked')), created_at INTEGER NOT NULL,
  source TEXT NOT NULL DEFAULT '', gone_at INTEGER, PRIMARY KEY (network_id, principal)
) STRICT;
CREATE INDEX principals_in_any_case ON principals (lower(principal), network_id);
CREATE TABLE certificates (
  serial TEXT PRIMARY KEY, network_id BLOB NOT NULL, principal TEXT NOT NULL, generation INTEGER NOT NULL,
  id BLOB NOT NULL, spki BLOB NOT NULL, leaf BLOB NOT NULL, issuer TEXT NOT NULL REFERENCES issuers,
  not_before INTEGER NOT NULL, not_after INTEGER NOT NULL, issued_at INTEGER NOT NULL, how TEXT NOT NULL,
  token BLOB, rekeyed_from BLOB, FOREIGN KEY (network_id, principal) REFERENCES principals
) STRICT;
CREATE INDEX certificates_of_key ON certificates (spki, network_id);
CREATE INDEX certificates_of_name ON certificates (principal, network_id, serial);
CREATE INDEX certificates_of_id ON certificates (id, issued_at);
CREATE INDEX certificates_by_end ON certificates (not_after, network_id);
CREATE INDEX certificates_rekeyed ON certificates (rekeyed_from, network_id) WHERE rekeyed_from IS NOT NULL;
CREATE TABLE tokens (
  hash BLOB PRIMARY KEY, network_id BLOB NOT NULL REFERENCES networks, principal TEXT NOT NULL,
  expires_at INTEGER NOT NULL, uses INTEGER NOT NULL DEFAULT 1, used INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX tokens_by_end ON tokens (expires_at, network_id);
CREATE TABLE reports (
  id BLOB PRIMARY KEY, network_id BLOB NOT NULL REFERENCES networks, addresses TEXT NOT NULL,
  reported_at INTEGER NOT NULL, since INTEGER NOT NULL DEFAULT 0, due_at INTEGER NOT NULL DEFAULT 0, left_at INTEGER
) STRICT;
CREATE INDEX reports_by_time ON reports (reported_at, network_id) WHERE left_at IS NULL;
CREATE INDEX reports_by_id ON reports (id, network_id, due_at) WHERE left_at IS NULL;
CREATE INDEX reports_steady ON reports (id, network_id, due_at) WHERE left_at IS NULL AND since < reported_at;
CREATE TABLE revocations (
  network_id BLOB NOT NULL REFERENCES networks, sequence INTEGER NOT NULL, serial TEXT UNIQUE,
  id BLOB UNIQUE, principal TEXT NOT NULL, reason TEXT NOT NULL, revoked_at INTEGER NOT NULL,
  PRIMARY KEY (network_id, sequence), CHECK ((serial IS NULL) <> (id IS NULL))
) STRICT;
CREATE TABLE lists (
  network_id BLOB NOT NULL REFERENCES networks, kind TEXT NOT NULL, number INTEGER NOT NULL, up_to INTEGER NOT NULL,
  bytes BLOB NOT NULL, this_update INTEGER NOT NULL, next_update INTEGER NOT NULL, PRIMARY KEY (network_id, kind)
) STRICT;
CREATE TABLE audit (
  sequence INTEGER PRIMARY KEY, at INTEGER NOT NULL, network TEXT NOT NULL, kind TEXT NOT NULL, fields TEXT NOT NULL,
  previous TEXT NOT NULL, hash TEXT NOT NULL
) STRICT;
CREATE TABLE migrations (version INTEGER PRIMARY KEY, migrated_at INTEGER NOT NULL) STRICT;
`;

/**
 * From version 2 to 3. A member that was recorded before counts as overdue until it reports again. Columns are added in the
 * order of the table above.
 */
const FROM_2_TO_3 = `
DROP INDEX reports_by_time;
DROP INDEX reports_by_id;
ALTER TABLE reports ADD COLUMN since INTEGER NOT NULL DEFAULT 0;
ALTER TABLE reports ADD COLUMN due_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE reports ADD COLUMN left_at INTEGER;
UPDATE reports SET since = reported_at, due_at = reported_at;
CREATE INDEX reports_by_time ON reports (network_id, left_at, reported_at);
CREATE INDEX reports_by_id ON reports (network_id, left_at, id, due_at);
`;

/**
 * From version 3 to 4: a token may buy several certificates, and each of them says which token bought it, or which key
 * renewed it to another one; a member may be declared gone; it is known since when the authority is there.
 */
const FROM_3_TO_4 = `
ALTER TABLE networks ADD COLUMN served_since INTEGER NOT NULL DEFAULT 0;
ALTER TABLE networks ADD COLUMN served_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE principals ADD COLUMN source TEXT NOT NULL DEFAULT '';
ALTER TABLE principals ADD COLUMN gone_at INTEGER;
ALTER TABLE certificates ADD COLUMN token BLOB;
ALTER TABLE certificates ADD COLUMN rekeyed_from BLOB;
CREATE INDEX certificates_rekeyed ON certificates (network_id, rekeyed_from) WHERE rekeyed_from IS NOT NULL;
UPDATE certificates SET token = (SELECT hash FROM tokens t WHERE t.serial = certificates.serial);
ALTER TABLE tokens ADD COLUMN uses INTEGER NOT NULL DEFAULT 1;
ALTER TABLE tokens ADD COLUMN used INTEGER NOT NULL DEFAULT 0;
UPDATE tokens SET used = 1 WHERE serial IS NOT NULL;
ALTER TABLE tokens DROP COLUMN serial;
`;

/**
 * From version 4 to 5: what tells rows apart comes first in an index. A planner without statistics, as of a new database,
 * else takes one that begins with the network, and reads all of it. And members of a while are found without reading newcomers.
 */
const FROM_4_TO_5 = `
DROP INDEX certificates_of_key;
DROP INDEX certificates_of_name;
DROP INDEX certificates_by_end;
DROP INDEX certificates_rekeyed;
DROP INDEX tokens_by_end;
DROP INDEX reports_by_time;
DROP INDEX reports_by_id;
CREATE INDEX certificates_of_key ON certificates (spki, network_id);
CREATE INDEX certificates_of_name ON certificates (principal, network_id, serial);
CREATE INDEX certificates_by_end ON certificates (not_after, network_id);
CREATE INDEX certificates_rekeyed ON certificates (rekeyed_from, network_id) WHERE rekeyed_from IS NOT NULL;
CREATE INDEX tokens_by_end ON tokens (expires_at, network_id);
CREATE INDEX reports_by_time ON reports (reported_at, network_id) WHERE left_at IS NULL;
CREATE INDEX reports_by_id ON reports (id, network_id, due_at) WHERE left_at IS NULL;
CREATE INDEX reports_steady ON reports (id, network_id, due_at) WHERE left_at IS NULL AND since < reported_at;
`;

/** From version 5 to 6: names that differ in case alone are found. */
const FROM_5_TO_6 = `
CREATE INDEX principals_in_any_case ON principals (lower(principal), network_id);
`;

const STEPS = [
  { from: 2, statements: FROM_2_TO_3 },
  { from: 3, statements: FROM_3_TO_4 },
  { from: 4, statements: FROM_4_TO_5 },
  { from: 5, statements: FROM_5_TO_6 },
] as const;

/** Tables in an order in which each comes after those that it refers to. */
export const TABLE_NAMES = [
  ...["authority", "networks", "issuers", "principals", "certificates", "tokens", "reports", "revocations", "lists"],
  ...["audit"],
] as const;

export type TableName = (typeof TABLE_NAMES)[number];

export interface Column {
  readonly name: string;
  readonly type: "BLOB" | "INTEGER" | "TEXT";
}

/** The columns of a table, in order. */
export function columnsOf(table: TableName): Column[] {
  const [, body = ""] = new RegExp(`CREATE TABLE ${table} \\(([^;]*)\\) STRICT`).exec(TABLES) ?? [];
  const found = body.matchAll(/(?:^|,)\s*([a-z_]+) (BLOB|INTEGER|TEXT)\b/g);
  return [...found].map(([, name, type]) => ({ name: name!, type: type as Column["type"] }));
}

/** One statement each. Texts compare byte by byte in both. */
export function schemaOf(kind: "sqlite" | "postgres"): string[] {
  return statementsOf(TABLES, kind);
}

/** What makes tables of this version, 2 or later, those of today. */
export function stepsFrom(version: number, kind: "sqlite" | "postgres"): string[] {
  return STEPS.filter(({ from }) => from >= version).flatMap(({ statements }) => statementsOf(statements, kind));
}

function statementsOf(text: string, kind: "sqlite" | "postgres"): string[] {
  const statements = text.split(";").filter((statement) => statement.trim() !== "");
  return kind === "sqlite" ? statements : statements.map(forPostgres);
}

function forPostgres(statement: string): string {
  return statement
    .replace(/\bBLOB\b/g, "BYTEA")
    .replace(/\bINTEGER\b/g, "BIGINT")
    .replace(/\bTEXT\b/g, 'TEXT COLLATE "C"')
    .replace(/\bSTRICT\b/g, "");
}
