/**
 * All logs that this member holds, within one budget of bytes for its own and one for those of others. When room is needed, the
 * publisher that takes up most gives way, the oldest batch first: what a liar makes others hold costs the liar.
 */
import type { MemberId } from "../../rings/index.js";
import { LOGS_MAX, LOGS_PER_PUBLISHER_MAX } from "../limits.js";
import type { Batch, Head } from "../records/batch.js";
import type { LogName, LogTag } from "../records/log.js";
import { HeldLog, type Inserted } from "./held-log.js";

/** What a publisher's logs take up here. */
interface Share {
  readonly logs: Set<HeldLog>;
  bytes: number;
}

export interface ShelfOptions {
  readonly me: MemberId;
  /** Bytes of mine, and of others'. */
  readonly bytesMax: number;
  /** May this batch, the oldest of its log, be dropped for room? Else the publisher must wait, or the new batch is refused. */
  readonly isFree: (log: HeldLog, batch: Batch) => boolean;
  /** A batch was dropped, of which somebody here may still be owed something. */
  readonly onDrop: (log: HeldLog, batch: Batch) => void;
  /** A log was forgotten. */
  readonly onForget: (log: HeldLog) => void;
}

export class Shelf {
  readonly #options: ShelfOptions;
  readonly #logs = new Map<LogTag, HeldLog>();
  readonly #shares = new Map<MemberId, Share>();
  #foreignBytes = 0;

  constructor(options: ShelfOptions) {
    this.#options = options;
  }

  get(tag: LogTag): HeldLog | undefined {
    return this.#logs.get(tag);
  }

  /** Is the log known to go as far as this statement shows? Then it costs no check: anybody may repeat what others signed. */
  knows({ log, first, count }: Head): boolean {
    return first + count - 1 <= (this.#logs.get(log.tag)?.top ?? 0);
  }

  logs(): Iterable<HeldLog> {
    return this.#logs.values();
  }

  logsOf(publisher: MemberId): Iterable<HeldLog> {
    return this.#shares.get(publisher)?.logs ?? [];
  }

  /** Bytes held of others' logs. */
  get foreignBytes(): number {
    return this.#foreignBytes;
  }

  get ownBytes(): number {
    return this.#shares.get(this.#options.me)?.bytes ?? 0;
  }

  /** What is held, in all and of the publisher of most logs. */
  get counts(): {
    readonly ownBytes: number;
    readonly foreignBytes: number;
    readonly logs: number;
    readonly logsOfOne: number;
  } {
    let logsOfOne = 0;
    for (const { logs } of this.#shares.values()) logsOfOne = Math.max(logsOfOne, logs.size);
    return { ownBytes: this.ownBytes, foreignBytes: this.#foreignBytes, logs: this.#logs.size, logsOfOne };
  }

  /** The log of this name, begun when it is new. The publisher's longest unchanged one makes room, then the one of most logs. */
  open(name: LogName, now: number): HeldLog {
    const known = this.#logs.get(name.tag);
    if (known) return known;
    const own = this.#shares.get(name.publisher);
    if (own && own.logs.size >= LOGS_PER_PUBLISHER_MAX) this.forget(quietest(own.logs));
    else if (this.#logs.size >= LOGS_MAX) this.forget(quietest(this.#mostLogs()));
    const log = new HeldLog(name, name.publisher === this.#options.me, now);
    this.#logs.set(name.tag, log);
    this.#share(name.publisher).logs.add(log);
    return log;
  }

  /** Room for a batch is made before; see `makeRoom`. */
  insert(log: HeldLog, batch: Batch, digest: Uint8Array, now: number): Inserted {
    const inserted = log.insert(batch, digest, now);
    if (inserted.kind === "inserted") this.#count(log, batch.bytes.length);
    return inserted;
  }

  /** Drops what may be dropped until there is room for so many more bytes of this publisher; false when there is not. */
  makeRoom(publisher: MemberId, bytes: number): boolean {
    const isMine = publisher === this.#options.me;
    const used = () => (isMine ? this.ownBytes : this.#foreignBytes);
    while (used() + bytes > this.#options.bytesMax) {
      const isMade = isMine ? this.#dropFrom(this.#share(publisher)) : this.#dropForeign();
      if (!isMade) return false;
    }
    return true;
  }

  /** The same within one log of mine, which may take up so many bytes. */
  makeRoomIn(log: HeldLog, bytes: number, bytesMax: number): boolean {
    while (log.bytes + bytes > bytesMax) {
      if (!log.oldest || !this.#options.isFree(log, log.oldest.batch)) return false;
      this.#drop(log);
    }
    return true;
  }

  /** Drops all batches that came before this instant. */
  expire(log: HeldLog, before: number): void {
    while (log.oldest && log.oldest.at < before) this.#drop(log);
  }

  forget(log: HeldLog): void {
    const share = this.#share(log.name.publisher);
    this.#count(log, -log.bytes);
    share.logs.delete(log);
    if (share.logs.size === 0) this.#shares.delete(log.name.publisher);
    this.#logs.delete(log.name.tag);
    this.#options.onForget(log);
  }

  /** Of the greediest, or of another when nothing of that may go. */
  #dropForeign(): boolean {
    const greediest = this.#greediest();
    if (greediest && this.#dropFrom(greediest)) return true;
    for (const [publisher, share] of this.#shares) {
      if (publisher !== this.#options.me && share !== greediest && this.#dropFrom(share)) return true;
    }
    return false;
  }

  /** Of the logs of one publisher, the oldest batch that may go. */
  #dropFrom(share: Share): boolean {
    let oldest: HeldLog | undefined;
    for (const log of share.logs) {
      const held = log.oldest;
      if (held && this.#options.isFree(log, held.batch) && held.at < (oldest?.oldest?.at ?? Number.POSITIVE_INFINITY)) {
        oldest = log;
      }
    }
    if (oldest) this.#drop(oldest);
    return oldest !== undefined;
  }

  #drop(log: HeldLog): void {
    const { batch } = log.dropOldest()!;
    this.#count(log, -batch.bytes.length);
    this.#options.onDrop(log, batch);
  }

  #count(log: HeldLog, bytes: number): void {
    this.#share(log.name.publisher).bytes += bytes;
    if (!log.isMine) this.#foreignBytes += bytes;
  }

  #share(publisher: MemberId): Share {
    let share = this.#shares.get(publisher);
    if (!share) {
      share = { logs: new Set(), bytes: 0 };
      this.#shares.set(publisher, share);
    }
    return share;
  }

  #greediest(): Share | undefined {
    let most: Share | undefined;
    for (const [publisher, share] of this.#shares) {
      if (publisher !== this.#options.me && share.bytes > (most?.bytes ?? 0)) most = share;
    }
    return most;
  }

  #mostLogs(): Set<HeldLog> {
    let most = new Set<HeldLog>();
    for (const [publisher, { logs }] of this.#shares) {
      if (publisher !== this.#options.me && logs.size > most.size) most = logs;
    }
    return most;
  }
}

function quietest(logs: Iterable<HeldLog>): HeldLog {
  let found: HeldLog | undefined;
  for (const log of logs) if (!found || log.changedAt < found.changedAt) found = log;
  return found as HeldLog;
}
