/**
 * Group commit: decisions that arrive while the disk is busy share the next transaction and its one sync. Each
 * decision checks first and changes only when it will succeed, so a refused one leaves no trace; when one of a group
 * fails, nothing of the group was recorded, and each is tried alone.
 */
import { FirefliesError, messageOf } from "../../identity/index.js";
import { toHex } from "../../rings/index.js";
import { AUDIT_START, entryAfter } from "./audit-chain.js";
import { BeginError, CommitError, type Session, type SqlDatabase, type Value } from "./database/sql.js";
import type { AuditHead, AuditNote } from "./store.js";

/** Decisions in one transaction: at 1 ms each, an answer waits a quarter of a second at most for those before it. */
const GROUP_MAX = 256;
/** Decisions that wait; more than the server lets in at once. */
const WAITING_MAX = 20_000;

export interface Transaction extends Session {
  /** As `run`, for what must succeed: sent in this order, awaited before the commit, and its failure fails the group. */
  later(sql: string, ...values: readonly Value[]): void;
  /** Adds to the audit when the transaction commits. */
  note(note: AuditNote | undefined, networkId?: Uint8Array): void;
  /** This is an operator's act: the watcher hears of it before it is answered. */
  weigh(): void;
}

/** Told of the audit's head after each commit that moved it; awaited when there was an operator's act. */
export type HeadWatcher = (head: AuditHead, isWeighty: boolean) => Promise<void>;

interface Job {
  readonly work: (tx: Transaction) => Promise<unknown>;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
}

export class Writer {
  readonly #database: SqlDatabase;
  readonly #waiting: Job[] = [];
  #isBusy = false;
  #commits = 0;
  #watcher: HeadWatcher | undefined;

  constructor(database: SqlDatabase) {
    this.#database = database;
  }

  /** How many groups were recorded. */
  get commits(): number {
    return this.#commits;
  }

  watch(watcher: HeadWatcher): void {
    this.#watcher = watcher;
  }

  /** Resolves when it is recorded and synced. `work` may be run again after another one's failure. */
  write<T>(work: (tx: Transaction) => Promise<T>): Promise<T> {
    if (this.#waiting.length >= WAITING_MAX) return Promise.reject(storeError(new Error("too many decisions wait")));
    return new Promise<T>((resolve, reject) => {
      this.#waiting.push({ work, resolve: resolve as (value: unknown) => void, reject });
      // Not at once: requests that this turn of the loop still reads come along.
      if (!this.#isBusy) setImmediate(() => void this.#drain());
      this.#isBusy = true;
    });
  }

  async #drain(): Promise<void> {
    while (this.#waiting.length > 0) await this.#commit(this.#waiting.splice(0, GROUP_MAX));
    this.#isBusy = false;
  }

  /** Resolves with what made it give up, for those that come after it. */
  async #commit(jobs: readonly Job[]): Promise<unknown> {
    try {
      const { results, head, isWeighty } = await this.#database.transaction((session) => runAll(session, jobs));
      this.#commits++;
      if (head !== undefined) await this.#tell(head, isWeighty);
      for (const [index, job] of jobs.entries()) job.resolve(results[index]);
      return undefined;
    } catch (cause) {
      const isHopeless = cause instanceof BeginError || cause instanceof CommitError;
      if (jobs.length > 1 && !isHopeless) return this.#commitEach(jobs);
      for (const job of jobs) job.reject(storeError(cause));
      return isHopeless ? cause : undefined;
    }
  }

  async #commitEach(jobs: readonly Job[]): Promise<unknown> {
    let gaveUp: unknown;
    for (const job of jobs) {
      if (gaveUp === undefined) gaveUp = await this.#commit([job]);
      else job.reject(storeError(gaveUp));
    }
    return gaveUp;
  }

  async #tell(head: AuditHead, isWeighty: boolean): Promise<void> {
    // What is recorded is recorded, whatever the watcher makes of it.
    const told = this.#watcher?.(head, isWeighty).catch(() => {});
    if (isWeighty) await told;
  }
}

interface Done {
  readonly results: readonly unknown[];
  /** Where the audit ends now; undefined when it did not move. */
  readonly head: AuditHead | undefined;
  readonly isWeighty: boolean;
}

async function runAll(session: Session, jobs: readonly Job[]): Promise<Done> {
  let isWeighty = false;
  const notes: NetworkNote[] = [];
  const note = (note: AuditNote | undefined, networkId?: Uint8Array) => {
    if (note !== undefined) notes.push({ network: networkId === undefined ? "" : toHex(networkId), note });
  };
  const sent: Promise<unknown>[] = [];
  const later: Transaction["later"] = (sql, ...values) => {
    const running = session.run(sql, ...values);
    running.catch(() => {}); // It is awaited below.
    sent.push(running);
  };
  const tx: Transaction = {
    one: (sql, ...values) => session.one(sql, ...values),
    all: (sql, ...values) => session.all(sql, ...values),
    run: (sql, ...values) => session.run(sql, ...values),
    later,
    note,
    weigh: () => {
      isWeighty = true;
    },
  };
  const results: unknown[] = [];
  for (const { work } of jobs) results.push(await work(tx));
  const head = notes.length === 0 ? undefined : await appendAll(tx, notes);
  await Promise.all(sent);
  return { results, head, isWeighty };
}

interface NetworkNote {
  /** Network id, hexadecimal. */
  readonly network: string;
  readonly note: AuditNote;
}

async function appendAll(tx: Transaction, notes: readonly NetworkNote[]): Promise<AuditHead> {
  let head = await auditHead(tx);
  for (const { network, note } of notes) {
    const entry = entryAfter(head, network, note);
    const { sequence, at, kind, fields, previous, hash } = entry;
    tx.later("INSERT INTO audit VALUES (?,?,?,?,?,?,?)", sequence, at, network, kind, fields, previous, hash);
    head = { sequence, hash };
  }
  return head;
}

export async function auditHead(session: Session): Promise<AuditHead> {
  const row = await session.one("SELECT sequence, hash FROM audit ORDER BY sequence DESC LIMIT 1");
  return row === undefined ? AUDIT_START : { sequence: Number(row.sequence), hash: String(row.hash) };
}

/** Nothing was recorded, or that is not known: a full disk, a read-only file system, a lock that stays, a lost server. */
export function storeError(cause: unknown): FirefliesError {
  if (cause instanceof FirefliesError) return cause;
  if (cause instanceof BeginError && cause.cause instanceof FirefliesError) return cause.cause;
  const message = `The authority could not record it: ${messageOf(cause)}.`;
  return new FirefliesError("authority-failed", message, {
    cause,
    advice: "Check disk, permissions and database; try again.",
  });
}
