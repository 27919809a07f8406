/** The store in one SQLite file: write-ahead log, synced at every commit, so that what was recorded survives kill -9 and power loss. */
import Database from "libsql";
import { FirefliesError, messageOf } from "../identity/index.js";
import { type MemberId, memberIdFromBytes, memberIdToBytes } from "../rings/index.js";
import type {
  CertificateRecord,
  Condition,
  ContactRecord,
  HowIssued,
  NetworkRecord,
  PrincipalRecord,
  Recorded,
  Store,
  TokenRecord,
} from "./store.js";

/** Of the tables below; a database of another version is refused. */
const SCHEMA_VERSION = 1;
/** `fireflies ca token` writes beside the server, for milliseconds. */
const BUSY_TIMEOUT_MS = 5_000;

/** A report that repeats an earlier one of the same second is not written: each write waits for the disk. */
const REPORT_STEP_MS = 1_000;

/** `network_id` in every table: an authority may come to serve several networks. */
const SCHEMA = `
CREATE TABLE IF NOT EXISTS networks (
  network_id BLOB PRIMARY KEY, ring_count INTEGER NOT NULL, delta_ms INTEGER NOT NULL, id_secret BLOB NOT NULL,
  root BLOB NOT NULL, issuer BLOB NOT NULL, urls TEXT NOT NULL DEFAULT '[]'
) STRICT;
CREATE TABLE IF NOT EXISTS principals (
  network_id BLOB NOT NULL REFERENCES networks, principal TEXT NOT NULL, generation INTEGER NOT NULL,
  id BLOB NOT NULL UNIQUE, PRIMARY KEY (network_id, principal)
) STRICT;
CREATE TABLE IF NOT EXISTS certificates (
  serial TEXT PRIMARY KEY, network_id BLOB NOT NULL, principal TEXT NOT NULL, generation INTEGER NOT NULL,
  id BLOB NOT NULL, spki BLOB NOT NULL, leaf BLOB NOT NULL, issuer BLOB NOT NULL,
  not_before INTEGER NOT NULL, not_after INTEGER NOT NULL, issued_at INTEGER NOT NULL, how TEXT NOT NULL,
  FOREIGN KEY (network_id, principal) REFERENCES principals
) STRICT;
CREATE INDEX IF NOT EXISTS certificates_of_key ON certificates (network_id, principal, spki);
CREATE INDEX IF NOT EXISTS certificates_of_id ON certificates (id, issued_at);
CREATE TABLE IF NOT EXISTS tokens (
  hash BLOB PRIMARY KEY, network_id BLOB NOT NULL REFERENCES networks, principal TEXT NOT NULL,
  expires_at INTEGER NOT NULL, serial TEXT REFERENCES certificates
) STRICT;
CREATE TABLE IF NOT EXISTS reports (
  id BLOB PRIMARY KEY REFERENCES principals (id), addresses TEXT NOT NULL, reported_at INTEGER NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS reports_by_time ON reports (reported_at);
`;

type Row = Readonly<Record<string, unknown>>;

export class SqliteStore implements Store {
  readonly #db: Database.Database;
  readonly #statements = new Map<string, Database.Statement<unknown[]>>();
  #networkId: Uint8Array | undefined;

  /** Opens or creates the file. Throws "ca-state-corrupt" or "ca-state-unreadable". */
  constructor(path: string) {
    this.#db = opened(path);
    const network = this.#get("SELECT network_id FROM networks");
    if (network !== undefined) this.#networkId = bytes(network.network_id);
  }

  async network(): Promise<NetworkRecord | undefined> {
    const row = this.#get("SELECT * FROM networks");
    if (row === undefined) return undefined;
    return {
      networkId: bytes(row.network_id),
      ringCount: Number(row.ring_count),
      deltaMs: Number(row.delta_ms),
      idSecret: bytes(row.id_secret),
      root: bytes(row.root),
      issuer: bytes(row.issuer),
    };
  }

  async createNetwork({ networkId, ringCount, deltaMs, idSecret, root, issuer }: NetworkRecord): Promise<void> {
    const sql = "INSERT INTO networks (network_id, ring_count, delta_ms, id_secret, root, issuer) VALUES (?,?,?,?,?,?)";
    this.#run(sql, networkId, ringCount, deltaMs, idSecret, root, issuer);
    this.#networkId = networkId;
  }

  async urls(): Promise<readonly string[]> {
    const row = this.#get("SELECT urls FROM networks WHERE network_id = ?", this.#networkId);
    return texts(row?.urls ?? "[]");
  }

  async saveUrls(urls: readonly string[]): Promise<void> {
    this.#run("UPDATE networks SET urls = ? WHERE network_id = ?", JSON.stringify(urls), this.#networkId);
  }

  async principal(name: string): Promise<PrincipalRecord | undefined> {
    const row = this.#get("SELECT * FROM principals WHERE network_id = ? AND principal = ?", this.#networkId, name);
    return row === undefined ? undefined : principalOf(row);
  }

  async certificate(serial: string): Promise<CertificateRecord | undefined> {
    const row = this.#get("SELECT * FROM certificates WHERE serial = ?", serial);
    return row === undefined ? undefined : certificateOf(row);
  }

  async certificateOfKey(principal: string, spki: Uint8Array): Promise<CertificateRecord | undefined> {
    const sql =
      "SELECT * FROM certificates WHERE network_id = ? AND principal = ? AND spki = ? ORDER BY not_before DESC, serial DESC LIMIT 1";
    const row = this.#get(sql, this.#networkId, principal, spki);
    return row === undefined ? undefined : certificateOf(row);
  }

  async issuedSince(id: MemberId, since: number): Promise<number> {
    const sql = "SELECT count(*) AS n FROM certificates WHERE id = ? AND issued_at >= ?";
    return Number(this.#get(sql, memberIdToBytes(id), since)?.n);
  }

  async recordCertificate(
    certificate: CertificateRecord,
    condition: Condition,
    addresses: readonly string[],
  ): Promise<Recorded> {
    return this.#transaction(() => {
      if (condition.kind === "free-name" && this.#isTaken(certificate)) return "refused";
      this.#insertPrincipal(certificate);
      this.#insertCertificate(certificate);
      if (addresses.length > 0) this.#report(certificate.id, addresses, certificate.issuedAt);
      return condition.kind === "token" && !this.#burn(condition.hash, certificate.serial) ? "refused" : "recorded";
    });
  }

  #isTaken({ principal, spki }: CertificateRecord): boolean {
    const sql =
      "SELECT count(*) AS keys, coalesce(sum(spki = ?), 0) AS own FROM certificates WHERE network_id = ? AND principal = ?";
    const row = this.#get(sql, spki, this.#networkId, principal);
    return Number(row?.keys) > 0 && Number(row?.own) === 0;
  }

  #insertPrincipal({ principal, generation, id }: PrincipalRecord): void {
    const sql =
      "INSERT INTO principals (network_id, principal, generation, id) VALUES (?,?,?,?) ON CONFLICT DO NOTHING";
    this.#run(sql, this.#networkId, principal, generation, memberIdToBytes(id));
  }

  #insertCertificate(certificate: CertificateRecord): void {
    const { serial, principal, generation, id, spki, leaf, issuer, notBefore, notAfter, issuedAt, how } = certificate;
    const sql = "INSERT INTO certificates VALUES (?,?,?,?,?,?,?,?,?,?,?,?)";
    const names = [serial, this.#networkId, principal, generation, memberIdToBytes(id)];
    this.#run(sql, ...names, spki, leaf, issuer, notBefore, notAfter, issuedAt, how);
  }

  /** One of many racers finds the token unused. */
  #burn(hash: Uint8Array, serial: string): boolean {
    return this.#run("UPDATE tokens SET serial = ? WHERE hash = ? AND serial IS NULL", serial, hash) === 1;
  }

  async createToken({ hash, principal, expiresAt }: TokenRecord): Promise<void> {
    const sql = "INSERT INTO tokens (hash, network_id, principal, expires_at) VALUES (?,?,?,?)";
    this.#run(sql, hash, this.#networkId, principal, expiresAt);
  }

  async token(hash: Uint8Array): Promise<TokenRecord | undefined> {
    const row = this.#get("SELECT * FROM tokens WHERE hash = ? AND network_id = ?", hash, this.#networkId);
    if (row === undefined) return undefined;
    const serial = row.serial === null ? undefined : String(row.serial);
    return { hash: bytes(row.hash), principal: String(row.principal), expiresAt: Number(row.expires_at), serial };
  }

  async report(id: MemberId, addresses: readonly string[], at: number): Promise<void> {
    this.#report(id, addresses, at);
  }

  #report(id: MemberId, addresses: readonly string[], at: number): void {
    const sql = `INSERT INTO reports VALUES (?,?,?) ON CONFLICT (id) DO UPDATE
      SET addresses = excluded.addresses, reported_at = excluded.reported_at
      WHERE addresses <> excluded.addresses OR abs(reported_at - excluded.reported_at) > ${REPORT_STEP_MS}`;
    this.#run(sql, memberIdToBytes(id), JSON.stringify(addresses), at);
  }

  async contacts(query: { except: MemberId; now: number; limit: number }): Promise<ContactRecord[]> {
    const recent = Math.ceil(query.limit / 2);
    const [self, ids] = [memberIdToBytes(query.except), "SELECT id FROM reports WHERE id <> ? AND addresses <> '[]'"];
    const sql = `SELECT r.addresses, c.leaf, c.issuer FROM reports r JOIN certificates c ON c.serial =
      (SELECT serial FROM certificates WHERE id = r.id ORDER BY not_before DESC, serial DESC LIMIT 1)
      WHERE c.not_after > ? AND (r.id IN (${ids} ORDER BY reported_at DESC LIMIT ?)
        OR r.id IN (${ids} ORDER BY random() LIMIT ?))`;
    const values = [query.now, self, recent, self, query.limit - recent];
    const rows = this.#statement(sql).all(values) as Row[];
    return rows.map((row) => ({ leaf: bytes(row.leaf), issuer: bytes(row.issuer), addresses: texts(row.addresses) }));
  }

  async close(): Promise<void> {
    if (!this.#db.open) return;
    this.#statements.clear();
    try {
      // libsql keeps the file open until its statements are collected: leave nothing in the log that is not in the file.
      this.#db.exec("PRAGMA wal_checkpoint(TRUNCATE)");
    } finally {
      this.#db.close();
    }
  }

  /** What `work` did is kept only when it says "recorded". */
  #transaction(work: () => Recorded): Recorded {
    try {
      this.#db.exec("BEGIN IMMEDIATE");
      const outcome = work();
      this.#db.exec(outcome === "recorded" ? "COMMIT" : "ROLLBACK");
      return outcome;
    } catch (cause) {
      if (this.#db.inTransaction) this.#db.exec("ROLLBACK");
      throw storeError(cause);
    }
  }

  #get(sql: string, ...values: readonly unknown[]): Row | undefined {
    return this.#statement(sql).get(values) as Row | undefined;
  }

  #run(sql: string, ...values: readonly unknown[]): number {
    try {
      return this.#statement(sql).run(values).changes;
    } catch (cause) {
      throw storeError(cause);
    }
  }

  /** Values are bound as one array: libsql takes a lone BLOB for an object of named values, and aborts the process. */
  #statement(sql: string): Database.Statement<unknown[]> {
    if (!this.#db.open) throw new Error("the store is closed"); // A statement of libsql outlives its database.
    const known = this.#statements.get(sql);
    if (known !== undefined) return known;
    const statement = this.#db.prepare<unknown[]>(sql);
    this.#statements.set(sql, statement);
    return statement;
  }
}

function opened(path: string): Database.Database {
  let db: Database.Database | undefined;
  try {
    db = new Database(path, { timeout: BUSY_TIMEOUT_MS });
    prepare(db);
    return db;
  } catch (cause) {
    db?.close();
    throw stateError(path, cause);
  }
}

function prepare(db: Database.Database): void {
  db.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON");
  const version = Number((db.prepare("PRAGMA user_version").get() as Row).user_version);
  if (version !== 0 && version !== SCHEMA_VERSION)
    throw new Error(`it has schema version ${version}, not ${SCHEMA_VERSION}`);
  const check = db.prepare("PRAGMA quick_check(1)").get() as Row;
  if (check.quick_check !== "ok") throw new Error(`it is damaged: ${String(check.quick_check).replace(/\s+/g, " ")}`);
  if (version === 0) db.exec(`BEGIN IMMEDIATE; ${SCHEMA} PRAGMA user_version = ${SCHEMA_VERSION}; COMMIT`);
}

/** Nothing was recorded: a full disk, a read-only file system, a lock that stays. */
function storeError(cause: unknown): FirefliesError {
  if (cause instanceof FirefliesError) return cause;
  const message = `The authority could not record it: ${messageOf(cause)}. Check disk and permissions; try again.`;
  return new FirefliesError("authority-failed", message, { cause });
}

/** SQLite's words for "I may not read or write this" apart from all others, which mean damage. */
function stateError(path: string, cause: unknown): FirefliesError {
  const message = cause instanceof Error ? cause.message : String(cause);
  const code = cause instanceof Error && "code" in cause ? String(cause.code) : "";
  const denied = /^SQLITE_(CANTOPEN|PERM|READONLY|IOERR|FULL|BUSY|LOCKED|AUTH)/.test(code) || /open/i.test(message);
  return denied
    ? new FirefliesError("ca-state-unreadable", `Could not open ${path}: ${message}`, { cause })
    : new FirefliesError(
        "ca-state-corrupt",
        `${path} cannot be used: ${message}. Restore the directory from a backup.`,
        { cause },
      );
}

function principalOf(row: Row): PrincipalRecord {
  return { principal: String(row.principal), generation: Number(row.generation), id: memberIdFromBytes(bytes(row.id)) };
}

function certificateOf(row: Row): CertificateRecord {
  return {
    ...principalOf(row),
    serial: String(row.serial),
    spki: bytes(row.spki),
    leaf: bytes(row.leaf),
    issuer: bytes(row.issuer),
    notBefore: Number(row.not_before),
    notAfter: Number(row.not_after),
    issuedAt: Number(row.issued_at),
    how: String(row.how) as HowIssued,
  };
}

function bytes(value: unknown): Uint8Array {
  // libsql gives a Buffer for one row and an ArrayBuffer for many.
  if (value instanceof Uint8Array || value instanceof ArrayBuffer) return new Uint8Array(value);
  throw new TypeError("a BLOB column holds something else");
}

function texts(value: unknown): string[] {
  return JSON.parse(String(value)) as string[];
}
