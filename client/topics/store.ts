/**
 * What topics keep in the member's directory, in SQLite: batches that were published as durable, until nobody needs them, and the
 * places of durable subscriptions. What one turn of the event loop writes is one transaction, synced when it ends. The file
 * is made when the first is written.
 */
import { existsSync } from "node:fs";
import { chmod, open } from "node:fs/promises";
import { SqliteFile } from "../../identity/files/sqlite-file.js";
import { FirefliesError, messageOf, missing } from "../../identity/index.js";
import type { Batch, LogName, LogTag, Place } from "../../topics/index.js";

/** In the member's directory. */
export const STORE_FILE = "topics.sqlite";
const FILE_MODE = 0o600;
/** After a failure the disk is tried again so much later, milliseconds: somebody may have made room. */
const RETRY_MS = 1_000;
/** While it fails an alarm is raised again so much later, milliseconds. */
const ALARM_PAUSE_MS = 60_000;
/** A log that no place was saved in for so long is forgotten: twice the longest retention, milliseconds. */
const PLACE_KEPT_MS = 48 * 3600_000;
/** Numbers above a place that are saved, the lowest: a handler that takes them again is the worst that follows. */
const ABOVE_MAX = 4_096;
/** Batches in one transaction: others are answered meanwhile. */
const WRITTEN_AT_ONCE = 256;

const TABLES = `
CREATE TABLE IF NOT EXISTS batches (log TEXT, first INTEGER, last INTEGER, bytes BLOB, PRIMARY KEY (log, first)) STRICT;
CREATE TABLE IF NOT EXISTS subscriptions (name TEXT PRIMARY KEY, begun_at INTEGER) STRICT;
CREATE TABLE IF NOT EXISTS places (name TEXT, log TEXT, id BLOB, through INTEGER, above TEXT, saved_at INTEGER,
  PRIMARY KEY (name, log)) STRICT;
`;

const LAST_SEEN = `SELECT max(at) AS at FROM
  (SELECT begun_at AS at FROM subscriptions WHERE name = ? UNION ALL SELECT saved_at FROM places WHERE name = ?)`;

/** Where a durable subscription goes on. */
export interface Begun {
  /** There was one of this name before. */
  readonly isResumed: boolean;
  readonly places: readonly Place[];
  /** Unix milliseconds: when it was begun, or a place of it was saved last. */
  readonly lastAt: number;
}

type Row = Readonly<Record<string, unknown>>;
type Value = string | number | Uint8Array;

/** The database, as far as it is needed here: `SqliteFile`, or a stub that fails as disks do. */
export interface StoreFile {
  all(sql: string, ...values: readonly Value[]): Row[];
  run(sql: string, ...values: readonly Value[]): number;
  transaction<T>(work: () => T): T;
  close(): void;
}

export interface TopicsStoreOptions {
  readonly path: string;
  /** Unix milliseconds. */
  readonly wall: () => number;
  /** All of a log up to this message is on disk. */
  readonly stored: (log: LogName, through: number) => void;
  /** These could not be written. They are tried again, and told by `stored` when they are on disk after all. */
  readonly failed: (batches: readonly Batch[], error: FirefliesError) => void;
  readonly onAlarm: (alarm: FirefliesError) => void;
  /** Reads the id of a log as it stands in a batch. */
  readonly logOf: (id: Uint8Array) => LogName | undefined;
  /** Default: SQLite. */
  readonly open?: (path: string) => Promise<StoreFile>;
}

interface SavedPlace {
  readonly name: string;
  readonly place: Place;
}

export class TopicsStore {
  readonly #options: TopicsStoreOptions;
  #file: Promise<StoreFile> | undefined;
  /** Batches that are not on disk, in the order in which they came. */
  #batches: Batch[] = [];
  #forgotten = new Map<LogTag, number>();
  #places = new Map<string, SavedPlace>();
  #writing: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #alarmedAt = Number.NEGATIVE_INFINITY;
  #isClosed = false;

  constructor(options: TopicsStoreOptions) {
    this.#options = options;
  }

  /** The batches of earlier lives, each log's in order; none where there is no file. Rejects with "topics-store-failed". */
  async resume(): Promise<Uint8Array[]> {
    if (!existsSync(this.#options.path)) return [];
    return await this.#reading((file) => {
      file.run("DELETE FROM places WHERE saved_at < ?", this.#options.wall() - PLACE_KEPT_MS);
      return file.all("SELECT bytes FROM batches ORDER BY log, first").map(({ bytes }) => bytesOf(bytes));
    });
  }

  /** Where a durable subscription goes on. Rejects with "topics-store-failed", or "package-missing". */
  async begin(name: string): Promise<Begun> {
    await this.flushed();
    return await this.#reading((file) => {
      const sql = "INSERT OR IGNORE INTO subscriptions VALUES (?,?)";
      const isNew = file.transaction(() => file.run(sql, name, this.#options.wall())) > 0;
      const [{ at } = {}] = file.all(LAST_SEEN, name, name);
      return { isResumed: !isNew, places: this.#placesIn(file, name), lastAt: Number(at) };
    });
  }

  #placesIn(file: StoreFile, name: string): Place[] {
    const rows = file.all("SELECT * FROM places WHERE name = ?", name);
    return rows.flatMap(({ id, through, above }) => {
      const log = this.#options.logOf(bytesOf(id));
      return log ? [{ log, through: Number(through), above: JSON.parse(String(above)) as number[] }] : [];
    });
  }

  /** `stored` follows, or `failed`. */
  store(batch: Batch): void {
    this.#batches.push(batch);
    this.#soon();
  }

  /** Batches of a log up to this message are needed no more. */
  forget({ tag }: LogName, through: number): void {
    this.#batches = this.#batches.filter(({ log, last }) => log.tag !== tag || last > through);
    this.#forgotten.set(tag, through);
    this.#soon();
  }

  place(name: string, place: Place): void {
    this.#places.set(`${name} ${place.log.tag}`, { name, place });
    this.#soon();
  }

  /** Resolves when all that was asked for is on disk, or has failed. */
  async flushed(): Promise<void> {
    if (this.#isDirty) this.#write();
    while (this.#writing) await this.#writing;
  }

  async close(): Promise<void> {
    await this.flushed();
    this.#isClosed = true;
    clearTimeout(this.#timer);
    const file = await this.#file?.catch(() => undefined);
    file?.close();
  }

  get #isDirty(): boolean {
    return this.#batches.length > 0 || this.#forgotten.size > 0 || this.#places.size > 0;
  }

  #soon(): void {
    if (this.#writing || this.#isClosed || this.#timer !== undefined) return;
    this.#writing = new Promise<void>((resolve) => setImmediate(resolve)).then(() => this.#turn());
  }

  #write(): void {
    this.#writing ??= this.#turn();
  }

  /** Writes until nothing is left, or the disk fails. */
  async #turn(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    try {
      const file = await this.#opened();
      while (this.#isDirty && !this.#isClosed) this.#writeSome(file);
      this.#alarmedAt = Number.NEGATIVE_INFINITY;
    } catch (cause) {
      this.#fail(failureOf(this.#options.path, cause));
    } finally {
      this.#writing = undefined;
    }
  }

  #writeSome(file: StoreFile): void {
    const batches = this.#batches.slice(0, WRITTEN_AT_ONCE);
    const [forgotten, places] = [[...this.#forgotten], [...this.#places.values()]];
    file.transaction(() => {
      for (const { log, first, last, bytes } of batches)
        file.run("INSERT OR REPLACE INTO batches VALUES (?,?,?,?)", log.tag, first, last, bytes);
      for (const [tag, through] of forgotten) file.run("DELETE FROM batches WHERE log = ? AND last <= ?", tag, through);
      for (const saved of places) this.#writePlace(file, saved);
    });
    this.#batches.splice(0, batches.length);
    for (const [tag, through] of forgotten) if (this.#forgotten.get(tag) === through) this.#forgotten.delete(tag);
    this.#places.clear();
    for (const { log, last } of batches) this.#options.stored(log, last);
  }

  #writePlace(file: StoreFile, { name, place: { log, through, above } }: SavedPlace): void {
    const numbers = JSON.stringify(above.slice(0, ABOVE_MAX));
    const now = this.#options.wall();
    file.run("INSERT OR REPLACE INTO places VALUES (?,?,?,?,?,?)", name, log.tag, log.bytes, through, numbers, now);
  }

  /** Nothing is given up: it is tried again, and those who wait are told why. */
  #fail(error: FirefliesError): void {
    if (this.#batches.length > 0) this.#options.failed([...this.#batches], error);
    const now = performance.now();
    if (now - this.#alarmedAt >= ALARM_PAUSE_MS) {
      this.#alarmedAt = now;
      this.#options.onAlarm(error);
    }
    if (!this.#isClosed) this.#timer = setTimeout(() => this.#write(), RETRY_MS).unref();
  }

  async #reading<T>(read: (file: StoreFile) => T): Promise<T> {
    try {
      return read(await this.#opened());
    } catch (cause) {
      throw failureOf(this.#options.path, cause);
    }
  }

  async #opened(): Promise<StoreFile> {
    const { path, open: openFile = openSqlite } = this.#options;
    this.#file ??= openFile(path);
    try {
      return await this.#file;
    } catch (cause) {
      this.#file = undefined; // The next call tries anew.
      throw cause;
    }
  }
}

async function openSqlite(path: string): Promise<StoreFile> {
  const { default: libsql } = await import("libsql").catch(missing("libsql", "What is durable of topics"));
  // With its mode from the beginning; SQLite gives its log the same.
  await (await open(path, "a", FILE_MODE)).close();
  await chmod(path, FILE_MODE);
  return new SqliteFile(libsql, path, (file) => {
    file.requireWhole();
    file.db.exec(TABLES);
  });
}

function failureOf(path: string, cause: unknown): FirefliesError {
  if (cause instanceof FirefliesError) return cause;
  return new FirefliesError("topics-store-failed", `Could not use ${path}: ${messageOf(cause)}.`, { cause });
}

/** libsql gives a Buffer for one row and an ArrayBuffer for many. */
function bytesOf(value: unknown): Uint8Array {
  if (value instanceof Uint8Array || value instanceof ArrayBuffer) return new Uint8Array(value);
  throw new TypeError("a column of bytes holds something else");
}
