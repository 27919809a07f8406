/**
 * PostgreSQL, for several replicas of one authority. Every transaction first takes one lock of the database: so decisions
 * of all replicas come one after the other, exactly as in SQLite, and no id, serial or token can be given twice. A group
 * of decisions shares the lock and the sync, so that it does not cost what it seems to.
 */
import type { ClientBase, Pool, PoolClient, QueryConfig, QueryResult } from "pg";
import { FirefliesError, messageOf, missing } from "../../../identity/index.js";
import { newer } from "./migrations.js";
import { gather, Pipes } from "./pipes.js";
import { SCHEMA_VERSION, schemaOf, stepsFrom, type TableName } from "./schema.js";
import {
  BeginError,
  CommitError,
  type Row,
  type Session,
  SNAPSHOT_ROWS,
  type SqlDatabase,
  type Value,
  type Worked,
} from "./sql.js";

/** Our tables have a schema of their own beside whatever else is in the database. */
const SCHEMA = "fireflies";
/** Any two numbers, the same in every replica: "ff" and what the lock is for. */
const LOCK_WRITE = "26214, 1";
const LOCK_MIGRATE = "26214, 2";
/** Connections of one replica: one writes, so that it never waits behind those that read. */
const WRITERS = 1;
const READERS_MAX = 8;
/** Connections of these that carry all short questions; the others are for backups. */
const PIPES_MAX = 3;
/** Also for a free connection: under load that is the queue. */
const CONNECT_TIMEOUT_MS = 10_000;
/** The server gives up a statement; a transaction waits for at most the groups of the other replicas. */
const STATEMENT_TIMEOUT_MS = 10_000;
/** We give up on the server: its host may be gone without a word. */
const QUERY_TIMEOUT_MS = 15_000;
/** A replica that hangs in a transaction must not stop the others. */
const IDLE_IN_TRANSACTION_MS = 10_000;
/** What a standby answers to BEGIN READ WRITE, and a server that was made one in between: SQLSTATE. */
const STANDBY: ReadonlySet<string> = new Set(["0A000", "25006"]);

/**
 * Of each connection. Named statements are planned once, when the tables may still be empty, and reading all of an empty table
 * looks cheap for ever. All of ours find few rows: so they are to look them up one by one, through an index.
 */
const SETTINGS = [
  `search_path = ${SCHEMA}`,
  ...["enable_seqscan = off", "enable_hashjoin = off", "enable_mergejoin = off", "jit = off"],
  "synchronous_commit = on",
];

/** Whether this says where a PostgreSQL database is. */
export function isPostgresUrl(text: string): boolean {
  return /^postgres(ql)?:\/\//i.test(text);
}

/**
 * Connects, and brings the tables up to date. Rejects with "ca-state-unreadable" when the server does not answer, with
 * "ca-state-corrupt" for tables of a newer program, or with "ca-options-invalid" for a server that does not sync.
 */
export async function openPostgres(url: string): Promise<SqlDatabase> {
  const [writers, readers] = [await createPool(url, WRITERS), await createPool(url, READERS_MAX)];
  const pipes = new Pipes(readers, PIPES_MAX);
  const close = async () => {
    await pipes.close();
    await Promise.all([writers.end(), readers.end()]);
  };
  try {
    await migrate(writers);
  } catch (cause) {
    await close();
    throw stateError(cause);
  }
  return {
    kind: "postgres",
    read: session((question) => pipes.query(question), asRead),
    requireWritable: () => requireWritable(pipes),
    transaction: (work) => transaction(writers, work),
    snapshot: (tables) => snapshot(readers, tables),
    close,
  };
}

async function createPool(url: string, max: number): Promise<Pool> {
  const { default: pg } = await import("pg").catch(missing("pg", "A store in PostgreSQL")); // Most keep a file.
  const pool = new pg.Pool({
    connectionString: url,
    max,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    statement_timeout: STATEMENT_TIMEOUT_MS,
    lock_timeout: STATEMENT_TIMEOUT_MS,
    query_timeout: QUERY_TIMEOUT_MS,
    idle_in_transaction_session_timeout: IDLE_IN_TRANSACTION_MS,
    keepAlive: true,
    pipeline: true, // Statements are sent without waiting for the answers of those before.
    application_name: "fireflies ca",
    onConnect: async (client) => void (await client.query(SETTINGS.map((setting) => `SET ${setting}`).join("; "))),
  });
  pool.on("error", () => {}); // Of an idle connection: the next call gets a new one, or says what is wrong.
  // Of one that is in use, as when the server is restarted: what it was asked rejects, and so it is thrown away.
  pool.on("connect", (client) => void client.on("error", () => {}));
  return pool;
}

async function migrate(pool: Pool): Promise<void> {
  const client = await pool.connect();
  try {
    await requireSync(client);
    await client.query(`BEGIN; SELECT pg_advisory_xact_lock(${LOCK_MIGRATE})`);
    const version = await versionOf(client);
    if (version > SCHEMA_VERSION) throw newer(version);
    if (version === 0) await createTables(client);
    if (version >= 2) await fromVersion(client, version);
    await client.query("COMMIT");
    client.release();
  } catch (cause) {
    client.release(true);
    throw cause;
  }
}

async function versionOf(client: ClientBase): Promise<number> {
  const { rows } = await client.query("SELECT to_regclass($1) IS NOT NULL AS found", [`${SCHEMA}.migrations`]);
  if (rows[0]?.found !== true) return 0;
  const found = await client.query(`SELECT max(version) AS version FROM ${SCHEMA}.migrations`);
  return Number(found.rows[0]?.version);
}

async function createTables(client: ClientBase): Promise<void> {
  await client.query(`CREATE SCHEMA IF NOT EXISTS ${SCHEMA}`);
  for (const statement of schemaOf("postgres")) await client.query(statement);
  await client.query("INSERT INTO migrations VALUES ($1, $2)", [SCHEMA_VERSION, Date.now()]);
}

/** There was no version 1 in PostgreSQL. */
async function fromVersion(client: ClientBase, version: number): Promise<void> {
  if (version === SCHEMA_VERSION) return;
  await client.query(`SET LOCAL search_path = ${SCHEMA}`);
  for (const statement of stepsFrom(version, "postgres")) await client.query(statement);
  await client.query("INSERT INTO migrations VALUES ($1, $2)", [SCHEMA_VERSION, Date.now()]);
}

/** "Recorded" has to mean on disk. */
async function requireSync(client: ClientBase): Promise<void> {
  const { rows } = await client.query("SHOW fsync");
  if (rows[0]?.fsync === "on") return;
  throw new FirefliesError(
    "ca-options-invalid",
    "The PostgreSQL server runs with fsync = off: it may forget what it recorded.",
    { advice: "Turn it on." },
  );
}

/** A standby answers every question and records nothing. */
async function requireWritable(pipes: Pipes): Promise<void> {
  const { rows } = await pipes.query({ name: "fireflies_standby", text: "SELECT pg_is_in_recovery() AS standby" });
  if (rows[0]?.standby === true) throw new FirefliesError("store-read-only");
}

async function transaction<T>(
  pool: Pool,
  work: (session: Session, begun: Promise<void>) => Promise<Worked<T>>,
): Promise<T> {
  const client = await connected(pool);
  const begun = begin(client);
  begun.catch(() => {}); // `work` awaits it.
  let worked: Worked<T>;
  try {
    worked = await work(inTransaction(client), begun);
  } catch (cause) {
    // After a failover the next connection may lead to the primary.
    if (cause instanceof BeginError) client.release(true);
    else await rollBack(client);
    throw cause;
  }
  await commit(client, worked.sent);
  return worked.value;
}

/** The commit is sent behind the statements, not after their answers: the lock is held for one way less. */
async function commit(client: PoolClient, sent: readonly Promise<unknown>[]): Promise<void> {
  gather(client);
  const committed = client.query("COMMIT");
  committed.catch(() => {}); // It is awaited below.
  try {
    await Promise.all(sent);
    const { command } = await committed;
    if (command !== "COMMIT") throw new Error(`the server answered ${command}`);
    client.release();
  } catch (cause) {
    client.release(true);
    // When a statement was refused the server made a rollback of the commit. When the connection was lost nobody knows.
    if (isRefusal(cause)) throw cause;
    throw new CommitError(messageOf(cause), { cause });
  }
}

/** Whether the server refused this very statement and lives on: an SQLSTATE, and none of those of a connection's end. */
function isRefusal(cause: unknown): boolean {
  const code = codeOf(cause);
  return /^[0-9A-Z]{5}$/.test(code) && !/^(08|57P)/.test(code);
}

async function connected(pool: Pool): Promise<PoolClient> {
  try {
    return await pool.connect();
  } catch (cause) {
    throw new BeginError(messageOf(cause), { cause });
  }
}

/** READ WRITE: a standby refuses it, and it overrides settings that make sessions read-only. */
async function begin(client: PoolClient): Promise<void> {
  try {
    gather(client);
    await client.query(`BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; SELECT pg_advisory_xact_lock(${LOCK_WRITE})`);
  } catch (refused) {
    const cause = STANDBY.has(codeOf(refused)) ? new FirefliesError("store-read-only") : refused;
    throw new BeginError(messageOf(cause), { cause });
  }
}

async function* snapshot(pool: Pool, tables: readonly string[]): ReturnType<SqlDatabase["snapshot"]> {
  const client = await pool.connect();
  try {
    await client.query("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
    for (const table of tables) {
      await client.query(`DECLARE snapshot NO SCROLL CURSOR FOR SELECT * FROM ${table}`);
      for (let isMore = true; isMore; ) {
        const { rows } = await client.query<Row>(`FETCH ${SNAPSHOT_ROWS} FROM snapshot`);
        yield { table, rows };
        isMore = rows.length === SNAPSHOT_ROWS;
      }
      await client.query("CLOSE snapshot");
    }
  } finally {
    await rollBack(client);
  }
}

async function rollBack(client: PoolClient): Promise<void> {
  try {
    await client.query("ROLLBACK");
    client.release();
  } catch {
    client.release(true); // The server rolls back what a lost connection leaves.
  }
}

/**
 * Statements are sent without waiting, and behind one that fails all others are "aborted": what is thrown is why the first
 * one failed.
 */
function inTransaction(client: ClientBase): Session {
  let first: unknown;
  const ask = (question: QueryConfig) => {
    gather(client);
    return client.query<Row>(question);
  };
  return session(ask, (cause) => {
    first ??= cause;
    return first;
  });
}

function codeOf(cause: unknown): string {
  return cause instanceof Error && "code" in cause ? String(cause.code) : "";
}

function session(
  ask: (question: QueryConfig) => Promise<QueryResult<Row>>,
  wrap: (cause: unknown) => unknown,
): Session {
  const query = async (sql: string, values: readonly Value[]) => {
    try {
      return await ask({ ...statementOf(sql), values: values.map((value) => value ?? null) });
    } catch (cause) {
      throw wrap(cause);
    }
  };
  return {
    one: async (sql, ...values) => (await query(sql, values)).rows[0],
    all: async (sql, ...values) => (await query(sql, values)).rows,
    run: async (sql, ...values) => (await query(sql, values)).rowCount ?? 0,
    insert: async (table, rows) =>
      void (await Promise.all(inserts(table, rows).map(({ sql, values }) => query(sql, values)))),
  };
}

/** Rows of one statement: powers of two up to this, so that a table has few statements, planned once each. */
const ROWS_MAX = 16;

/** Many rows in one statement cost the server and us little more than one. */
function inserts(table: TableName, rows: readonly (readonly Value[])[]): { sql: string; values: readonly Value[] }[] {
  const found: { sql: string; values: readonly Value[] }[] = [];
  for (let from = 0, size = ROWS_MAX; from < rows.length; ) {
    if (size > rows.length - from) {
      size /= 2;
      continue;
    }
    const values = rows.slice(from, from + size);
    const places = `(${values[0]!.map(() => "?").join(",")})`;
    const sql = `INSERT INTO ${table} VALUES ${values.map(() => places).join(",")}`;
    found.push({ sql, values: values.flat() });
    from += size;
  }
  return found;
}

interface Statement {
  readonly name: string;
  readonly text: string;
}

const statements = new Map<string, Statement>();

/** PostgreSQL numbers its values; named statements are planned once per connection. All are fixed texts of this folder. */
function statementOf(sql: string): Statement {
  const known = statements.get(sql);
  if (known !== undefined) return known;
  let count = 0;
  const statement = { name: `fireflies_${statements.size}`, text: sql.replace(/\?/g, () => `$${++count}`) };
  statements.set(sql, statement);
  return statement;
}

function asRead(cause: unknown): FirefliesError {
  return new FirefliesError("authority-failed", `The authority's database does not answer: ${messageOf(cause)}.`, {
    cause,
    advice: "Look at the database server. Nothing was issued that is not recorded; try again.",
  });
}

/** Never with the URL in it: that may hold a password. */
function stateError(cause: unknown): FirefliesError {
  if (cause instanceof FirefliesError) return cause;
  if (STANDBY.has(codeOf(cause))) return new FirefliesError("store-read-only", undefined, { cause });
  return new FirefliesError("ca-state-unreadable", `The PostgreSQL database cannot be used: ${messageOf(cause)}.`, {
    cause,
    advice: "Check --store, the server, and the user's rights.",
  });
}
