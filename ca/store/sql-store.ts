/** The store over a database that speaks SQL: the same statements for SQLite and PostgreSQL. */
import { equalBytes, toHex } from "../../rings/index.js";
import { bytes, type Row, type Session, type SqlDatabase } from "./database/sql.js";
import { dumpOf, loadInto } from "./dump.js";
import { insertIssuer } from "./issuers.js";
import { networkPart } from "./network-part.js";
import { prunableAudit, pruneAudit } from "./prune.js";
import type {
  AuditEntry,
  AuditHead,
  AuditNote,
  AuthorityRecord,
  DumpedRow,
  Fence,
  NetworkRecord,
  NetworkStore,
  NewNetwork,
  Recorded,
  Store,
} from "./store.js";
import { auditHead, type HeadWatcher, Writer } from "./writer.js";

export class SqlStore implements Store {
  readonly #database: SqlDatabase;
  readonly #writer: Writer;
  #closed: Promise<void> | undefined;
  readonly #parts = new Map<string, NetworkStore>();

  /** Of a database with the tables of today. */
  constructor(database: SqlDatabase) {
    this.#database = database;
    this.#writer = new Writer(database);
  }

  get kind(): "sqlite" | "postgres" {
    return this.#database.kind;
  }

  async authority(): Promise<AuthorityRecord | undefined> {
    const row = await this.#read.one("SELECT * FROM authority");
    if (row === undefined) return undefined;
    return { root: bytes(row.root), createdAt: Number(row.created_at), epoch: Number(row.epoch) };
  }

  async createAuthority(
    { root, createdAt, epoch }: AuthorityRecord,
    first: NewNetwork,
    note?: AuditNote,
  ): Promise<Recorded> {
    return this.#writer.write(async (tx) => {
      if ((await tx.one("SELECT one FROM authority")) !== undefined) return "refused";
      await tx.run("INSERT INTO authority VALUES (1,?,?,?)", root, createdAt, epoch);
      await insertNetwork(tx, first);
      tx.note(note);
      return "recorded";
    });
  }

  async networks(): Promise<readonly NetworkRecord[]> {
    return (await this.#read.all("SELECT * FROM networks ORDER BY created_at, name")).map(networkOf);
  }

  async createNetwork(created: NewNetwork, note?: AuditNote): Promise<Recorded> {
    const { name, networkId } = created.network;
    return this.#writer.write(async (tx) => {
      const taken = await tx.one("SELECT name FROM networks WHERE name = ? OR network_id = ?", name, networkId);
      if (taken !== undefined) return "refused";
      await insertNetwork(tx, created);
      tx.note(note, networkId);
      tx.weigh();
      return "recorded";
    });
  }

  network(networkId: Uint8Array): NetworkStore {
    const key = toHex(networkId);
    const known = this.#parts.get(key);
    if (known !== undefined) return known;
    const part = networkPart(this.#read, this.#writer, networkId);
    this.#parts.set(key, part);
    return part;
  }

  async append(notes: readonly AuditNote[], networkId?: Uint8Array): Promise<void> {
    await this.#writer.write(async (tx) => {
      for (const note of notes) tx.note(note, networkId);
    });
  }

  async auditHead(): Promise<AuditHead> {
    return auditHead(this.#read);
  }

  async audit({ after, limit }: { readonly after: number; readonly limit: number }): Promise<readonly AuditEntry[]> {
    const sql = "SELECT * FROM audit WHERE sequence > ? ORDER BY sequence LIMIT ?";
    return (await this.#read.all(sql, after, limit)).map(entryOf);
  }

  async newestAudit(kind: string): Promise<AuditEntry | undefined> {
    const row = await this.#read.one("SELECT * FROM audit WHERE kind = ? ORDER BY sequence DESC LIMIT 1", kind);
    return row === undefined ? undefined : entryOf(row);
  }

  prunableAudit(before: number): Promise<number> {
    return prunableAudit(this.#read, before);
  }

  async pruneAudit(upTo: number, note?: AuditNote): Promise<number> {
    return this.#writer.write((tx) => pruneAudit(tx, upTo, note));
  }

  watch(watcher: HeadWatcher): void {
    this.#writer.watch(watcher);
  }

  dump(): AsyncGenerator<DumpedRow> {
    return dumpOf(this.#database);
  }

  async load(rows: AsyncIterable<DumpedRow>, fence: Fence): Promise<Recorded> {
    return this.#writer.write((tx) => loadInto(tx, rows, fence));
  }

  async ping(): Promise<void> {
    await this.#read.one("SELECT epoch FROM authority");
    await this.#database.requireWritable();
  }

  /** Once or more often. */
  close(): Promise<void> {
    this.#closed ??= this.#database.close();
    return this.#closed;
  }

  get #read(): Session {
    return this.#database.read;
  }
}

async function insertNetwork(tx: Session, { network, issuer }: NewNetwork): Promise<void> {
  const { networkId, name, ringCount, deltaMs, idSecret, createdAt } = network;
  const sql = "INSERT INTO networks VALUES (?,?,?,?,?,?,0,'[]',0,0)";
  await tx.run(sql, networkId, name, ringCount, deltaMs, idSecret, createdAt);
  await insertIssuer(tx, networkId, issuer);
}

function networkOf(row: Row): NetworkRecord {
  return {
    networkId: bytes(row.network_id),
    name: String(row.name),
    ringCount: Number(row.ring_count),
    deltaMs: Number(row.delta_ms),
    idSecret: bytes(row.id_secret),
    createdAt: Number(row.created_at),
  };
}

function entryOf(row: Row): AuditEntry {
  return {
    sequence: Number(row.sequence),
    at: Number(row.at),
    network: String(row.network),
    kind: String(row.kind),
    fields: String(row.fields),
    previous: String(row.previous),
    hash: String(row.hash),
  };
}

/** The network with this id among `networks`. */
export function networkWithId(networks: readonly NetworkRecord[], networkId: Uint8Array): NetworkRecord | undefined {
  return networks.find((network) => equalBytes(network.networkId, networkId));
}
