/** From older tables to those of today, forward only, in one transaction: after a crash it is all of it or nothing. */
import type Database from "libsql";
import { FirefliesError, fingerprintOf, validityOfCertificate } from "../../../identity/index.js";
import { SCHEMA_VERSION, schemaOf, stepsFrom } from "./schema.js";
import { bytes, type Row } from "./sql.js";

/** The name of the network of an authority that knew only one. */
export const FIRST_NETWORK = "default";
/** Where version 1 kept the key of its only issuer. */
export const FIRST_KEY = "issuing.key.pem";

/** Throws "ca-state-corrupt" for a database of a newer program. Old programs refuse the new number in turn. */
export function migrateSqlite(db: Database.Database): void {
  if (versionOf(db) === SCHEMA_VERSION) return;
  db.exec("PRAGMA foreign_keys = OFF; BEGIN IMMEDIATE"); // Tables are made anew, in any order.
  try {
    const version = versionOf(db); // Another process may have been first.
    if (version > SCHEMA_VERSION) throw newer(version);
    if (version < SCHEMA_VERSION) migrateFrom(db, version);
    db.exec("COMMIT");
  } catch (cause) {
    if (db.inTransaction) db.exec("ROLLBACK");
    throw cause;
  }
}

export function newer(version: number): FirefliesError {
  return new FirefliesError(
    "ca-state-corrupt",
    `The authority's database has schema version ${version}; this program knows ${SCHEMA_VERSION}.`,
    { advice: "Restore a backup of before, or use the newer program." },
  );
}

function versionOf(db: Database.Database): number {
  return Number((db.prepare("PRAGMA user_version").get() as Row).user_version);
}

function migrateFrom(db: Database.Database, version: number): void {
  if (version === 1) moveAside(db);
  for (const statement of version >= 2 ? stepsFrom(version, "sqlite") : schemaOf("sqlite")) db.exec(statement);
  if (version === 1) fromVersion1(db);
  db.prepare("INSERT INTO migrations VALUES (?,?)").run([SCHEMA_VERSION, Date.now()]);
  db.exec(`PRAGMA user_version = ${SCHEMA_VERSION}`);
}

const TABLES_1 = ["networks", "principals", "certificates", "tokens", "reports"];
const INDEXES_1 = ["certificates_of_key", "certificates_of_id", "reports_by_time"];

function moveAside(db: Database.Database): void {
  for (const name of INDEXES_1) db.exec(`DROP INDEX ${name}`);
  for (const name of TABLES_1) db.exec(`ALTER TABLE ${name} RENAME TO ${name}_1`);
}

/** One network became several, its issuer a row of its own, and its root the authority's. */
function fromVersion1(db: Database.Database): void {
  const network = db.prepare("SELECT * FROM networks_1").get() as Row | undefined;
  if (network !== undefined) {
    const issuer = bytes(network.issuer);
    const fingerprint = fingerprintOf(issuer);
    const validity = validityOfCertificate(issuer);
    if (validity === undefined) throw new Error("its issuing certificate cannot be read");
    const { notBefore, notAfter } = validity;
    const run = (sql: string, ...values: readonly unknown[]) => db.prepare<unknown[]>(sql).run(values);
    run("INSERT INTO authority SELECT 1, root, ?, 0 FROM networks_1", notBefore);
    const networks = "SELECT network_id, ?, ring_count, delta_ms, id_secret, ?, 0, urls, 0, 0 FROM networks_1";
    run(`INSERT INTO networks ${networks}`, FIRST_NETWORK, notBefore);
    const issuers = "SELECT ?, network_id, issuer, 'active', ?, ?, ?, ?, ?, NULL FROM networks_1";
    run(`INSERT INTO issuers ${issuers}`, fingerprint, FIRST_KEY, notBefore, notAfter, notBefore, notBefore);
    run(`INSERT INTO principals SELECT network_id, principal, generation, id, 'active',
      (SELECT coalesce(min(issued_at), 0) FROM certificates_1 c WHERE c.id = p.id), '', NULL FROM principals_1 p`);
    run(
      `INSERT INTO certificates SELECT serial, network_id, principal, generation, id, spki, leaf, ?, not_before,
        not_after, issued_at, how, (SELECT hash FROM tokens_1 t WHERE t.serial = certificates_1.serial),
        NULL FROM certificates_1`,
      fingerprint,
    );
    run("INSERT INTO tokens SELECT hash, network_id, principal, expires_at, 1, serial IS NOT NULL FROM tokens_1");
    run(`INSERT INTO reports SELECT r.id, p.network_id, r.addresses, r.reported_at, r.reported_at, r.reported_at, NULL
      FROM reports_1 r JOIN principals_1 p ON p.id = r.id`);
  }
  for (const name of [...TABLES_1].reverse()) db.exec(`DROP TABLE ${name}_1`);
}
