/**
 * How far the records had come when this directory last saw them: ca.mark, beside the keys. A database that lacks the
 * audit's entry of that moment is an older one, put back from somewhere: it may have forgotten a revocation, so the
 * authority does not start on it. The mark follows within a second, and before an operator's act is answered.
 */
import { join } from "node:path";
import { atomicWrite, FirefliesError, readText } from "../../identity/index.js";
import { lastPruned } from "../store/audit-chain.js";
import type { AuditEntry, AuditHead, Store } from "../store/store.js";
import { FILES } from "./directory.js";

/** How long the mark may lag behind tokens and certificates, milliseconds: each one costs a sync. */
const LAG_MS = 1_000;

export interface Mark extends AuditHead {
  /** Of the authority's record. */
  readonly epoch: number;
  /** Of the newest operator's act among the entries: what must not be lost. */
  readonly weighty: number;
}

/** Undefined when there is none: in a directory of before, or a new one. */
export async function readMark(directory: string): Promise<Mark | undefined> {
  const text = await readText(join(directory, FILES.mark));
  return text === undefined ? undefined : parsed(text, directory);
}

export async function writeMark(directory: string, mark: Mark): Promise<void> {
  await atomicWrite(join(directory, FILES.mark), `${JSON.stringify(mark)}\n`);
}

function parsed(text: string, directory: string): Mark {
  try {
    const { epoch, sequence, hash, weighty } = JSON.parse(text) as Mark;
    const isWhole = [epoch, sequence, weighty].every(Number.isSafeInteger) && typeof hash === "string";
    if (isWhole) return { epoch, sequence, hash, weighty };
  } catch {
    // Said below.
  }
  const path = join(directory, FILES.mark);
  throw new FirefliesError("ca-state-corrupt", `${path} is damaged.`, {
    advice: "If the database is the newest there is, remove the file.",
  });
}

/** Keeps the mark of a running authority. */
export class HighWater {
  readonly #directory: string;
  readonly #epoch: number;
  #mark: Mark;
  #written: Mark;
  #timer: NodeJS.Timeout | undefined;
  #writing: Promise<void> = Promise.resolve();

  private constructor(directory: string, mark: Mark) {
    this.#directory = directory;
    this.#epoch = mark.epoch;
    this.#mark = mark;
    this.#written = mark;
  }

  /** Rejects with "ca-state-old" when the store is older than the mark. */
  static async open(directory: string, store: Store, epoch: number): Promise<HighWater> {
    const before = await readMark(directory);
    if (before !== undefined) await requireNotOlder(directory, store, before, epoch);
    const weighty = before?.epoch === epoch ? before.weighty : 0;
    const mark = { ...(await store.auditHead()), epoch, weighty };
    const keeper = new HighWater(directory, mark);
    if (before?.hash !== mark.hash) await writeMark(directory, mark);
    store.watch((head, isWeighty) => keeper.#moved(head, isWeighty));
    return keeper;
  }

  async close(): Promise<void> {
    clearTimeout(this.#timer);
    await this.#flush().catch(() => {});
  }

  async #moved({ sequence, hash }: AuditHead, isWeighty: boolean): Promise<void> {
    this.#mark = { sequence, hash, epoch: this.#epoch, weighty: isWeighty ? sequence : this.#mark.weighty };
    if (isWeighty) return this.#flush();
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      void this.#flush().catch(() => {});
    }, LAG_MS).unref();
  }

  /** One write at a time. Another process may have come further meanwhile. */
  #flush(): Promise<void> {
    const next = this.#writing.then(async () => {
      if (this.#mark.sequence <= this.#written.sequence) return;
      const mark = this.#mark;
      const other = await readMark(this.#directory).catch(() => undefined);
      if (other === undefined || other.epoch < mark.epoch || other.sequence < mark.sequence) {
        await writeMark(this.#directory, { ...mark, weighty: Math.max(mark.weighty, other?.weighty ?? 0) });
      }
      this.#written = mark;
    });
    this.#writing = next.catch(() => {});
    return next;
  }
}

/** A replica that was away for long may find that another one has pruned its entry: that one had it. */
async function isPruned(store: Store, { sequence }: Mark, entry: AuditEntry | undefined): Promise<boolean> {
  if (entry === undefined || entry.sequence === sequence) return false;
  return ((await lastPruned(store))?.sequence ?? 0) >= sequence;
}

/** After a restore the epoch is a higher one, and the mark of another replica says nothing any more. */
async function requireNotOlder(directory: string, store: Store, mark: Mark, epoch: number): Promise<void> {
  if (epoch > mark.epoch || mark.sequence === 0) return;
  const [entry] = await store.audit({ after: mark.sequence - 1, limit: 1 });
  if (epoch === mark.epoch && (entry?.hash === mark.hash || (await isPruned(store, mark, entry)))) return;
  const { sequence } = await store.auditHead();
  throw new FirefliesError(
    "ca-state-old",
    `The authority's records end at audit entry ${sequence}; ${directory} has seen entry ${mark.sequence} of others. An older ` +
      "database may have forgotten a revocation.",
  );
}
