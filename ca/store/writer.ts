/**
 * Group commit: decisions that arrive while the disk is busy share the next transaction and its one sync. Each
 * decision checks first and changes only when it will succeed, so a refused one leaves no trace; when one of a group
 * fails, nothing of the group was recorded, and each is tried alone.
 */
import { FirefliesError, messageOf } from "../../identity/index.js";
import { toHex } from "../../rings/index.js";
import { AUDIT_START, entryAfter } from "./audit-chain.js";
import { TABLE_NAMES, type TableName } from "./database/schema.js";
import { BeginError, CommitError, type Session, type SqlDatabase, type Value, type Worked } from "./database/sql.js";
import type { AuditHead, AuditNote } from "./store.js";

/** Decisions in one transaction: at 1 ms each, an answer waits a quarter of a second at most for those before it. */
const GROUP_MAX = 256;
/** Decisions that wait; more than the server lets in at once. */
const WAITING_MAX = 20_000;

export interface Transaction extends Session {
  /** As `run`, for what must succeed: sent in this order, awaited before the commit, and its failure fails the group. */
  later(sql: string, ...values: readonly Value[]): void;
  /** As `later`, one row; it is there once this decision and those that look together with it have acted. */
  add(table: TableName, ...values: readonly Value[]): void;
  /** Adds to the audit when the transaction commits. */
  note(note: AuditNote | undefined, networkId?: Uint8Array): void;
  /** This is an operator's act: the watcher hears of it before it is answered. */
  weigh(): void;
}

/** Told of the audit's head after each commit that moved it; awaited when there was an operator's act. */
export type HeadWatcher = (head: AuditHead, isWeighty: boolean) => Promise<void>;

/**
 * A decision in two steps: it looks, and then acts on what it saw without asking once more. Those of one transaction look
 * together, which takes one way to the database and back, not one for each.
 */
export interface Proposal<T> {
  /** What it reads and changes, each as a text: of two that touch the same the second looks after the first has acted. */
  readonly touches: readonly string[];
  /** Reads only. */
  readonly look: (session: Session) => Promise<(tx: Transaction) => T>;
}

interface Job extends Partial<Proposal<unknown>> {
  /** A decision that looks and acts by turns; undefined for a proposal. */
  readonly work?: (tx: Transaction) => Promise<unknown>;
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
    return this.#queue<T>({ work });
  }

  /** As `write`. */
  decide<T>(proposal: Proposal<T>): Promise<T> {
    return this.#queue<T>(proposal);
  }

  #queue<T>(job: Pick<Job, "work" | "touches" | "look">): Promise<T> {
    if (this.#waiting.length >= WAITING_MAX) return Promise.reject(storeError(new Error("too many decisions wait")));
    return new Promise<T>((resolve, reject) => {
      this.#waiting.push({ ...job, resolve: resolve as (value: unknown) => void, reject });
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
      const { results, head, isWeighty } = await this.#database.transaction((session, begun) =>
        runAll(session, begun, jobs),
      );
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

async function runAll(session: Session, begun: Promise<void>, jobs: readonly Job[]): Promise<Worked<Done>> {
  const recording = new Recording(session);
  // With proposals alone it travels with the beginning; other work may append to the audit by itself, as a restore does.
  const early = jobs.every(({ look }) => look !== undefined) ? auditHead(session) : undefined;
  early?.catch(() => {});
  const results: unknown[] = [];
  for (const together of rounds(jobs)) {
    const looks = together.map(({ look }) => look?.(session));
    for (const looking of looks) looking?.catch(() => {});
    await begun;
    for (const [index, { work }] of together.entries()) {
      const act = await looks[index];
      results.push(act === undefined ? await work?.(recording) : act(recording));
    }
    recording.flush();
  }
  const { notes, sent, isWeighty } = recording;
  const last = notes.length === 0 ? undefined : appendAll(recording, await (early ?? auditHead(session)), notes);
  recording.flush();
  return { value: { results, head: last, isWeighty }, sent };
}

/** The jobs in their order, in groups: proposals that touch nothing in common look together, others are alone. */
function rounds(jobs: readonly Job[]): Job[][] {
  const found: Job[][] = [];
  let touched: Set<string> | undefined;
  for (const job of jobs) {
    const { touches } = job;
    const isApart = touches === undefined || touched === undefined || touches.some((each) => touched?.has(each));
    if (isApart) found.push([]);
    found.at(-1)!.push(job);
    touched = touches && new Set([...(isApart ? [] : (touched ?? [])), ...touches]);
  }
  return found;
}

/** A transaction as a decision sees it, and what it leaves behind. */
class Recording implements Transaction {
  readonly notes: NetworkNote[] = [];
  readonly sent: Promise<unknown>[] = [];
  isWeighty = false;
  readonly #added = new Map<TableName, (readonly Value[])[]>();
  readonly insert: Session["insert"];
  readonly one: Session["one"];
  readonly all: Session["all"];
  readonly run: Session["run"];

  constructor(session: Session) {
    this.one = (sql, ...values) => session.one(sql, ...values);
    this.all = (sql, ...values) => session.all(sql, ...values);
    this.run = (sql, ...values) => session.run(sql, ...values);
    this.insert = (table, rows) => session.insert(table, rows);
  }

  later(sql: string, ...values: readonly Value[]): void {
    this.#send(this.run(sql, ...values));
  }

  add(table: TableName, ...values: readonly Value[]): void {
    const rows = this.#added.get(table) ?? [];
    this.#added.set(table, rows);
    rows.push(values);
  }

  /** Sends what was added, tables before those that refer to them. */
  flush(): void {
    for (const table of TABLE_NAMES) {
      const rows = this.#added.get(table);
      if (rows !== undefined) this.#send(this.insert(table, rows));
    }
    this.#added.clear();
  }

  #send(running: Promise<unknown>): void {
    running.catch(() => {}); // The one who commits awaits it.
    this.sent.push(running);
  }

  note(note: AuditNote | undefined, networkId?: Uint8Array): void {
    if (note !== undefined) this.notes.push({ network: networkId === undefined ? "" : toHex(networkId), note });
  }

  weigh(): void {
    this.isWeighty = true;
  }
}

interface NetworkNote {
  /** Network id, hexadecimal. */
  readonly network: string;
  readonly note: AuditNote;
}

function appendAll(tx: Transaction, from: AuditHead, notes: readonly NetworkNote[]): AuditHead {
  let head = from;
  for (const { network, note } of notes) {
    const entry = entryAfter(head, network, note);
    const { sequence, at, kind, fields, previous, hash } = entry;
    tx.add("audit", sequence, at, network, kind, fields, previous, hash);
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
