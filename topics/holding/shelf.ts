/**
 * All logs that this member holds, within one budget of bytes for its own and one for those of others, and so many logs. Who
 * makes others hold much pays for it: a publisher that has its fair share pays for more of its own with its own, and one that
 * has less gets room from the one that takes up most.
 */
import type { MemberId } from "../../rings/index.js";
import {
  BARE_LOGS_MAX,
  BARE_LOGS_PER_PUBLISHER_MAX,
  LIVES_PER_TOPIC_MAX,
  LOGS_MAX,
  LOGS_PER_PUBLISHER_MAX,
} from "../limits.js";
import type { Batch, Head } from "../records/batch.js";
import type { LogName, LogTag } from "../records/log.js";
import { HeldLog, type Inserted } from "./held-log.js";

/** What a publisher's logs take up here. */
interface Share {
  /** Those of which a batch was held, the longest unchanged first. */
  readonly logs: Set<HeldLog>;
  /** Those of which nothing but word has come, the oldest first. */
  readonly bare: Set<HeldLog>;
  bytes: number;
  /** Where the last answer to a question ended among its logs. */
  turn: Iterator<HeldLog>;
}

export interface ShelfOptions {
  readonly me: MemberId;
  /** Bytes of mine, and of others'; read at each use. */
  readonly bytesMax: () => number;
  /** May this batch, the oldest of its log, be dropped for room? Else the publisher must wait, or the new batch is refused. */
  readonly isFree: (log: HeldLog, batch: Batch) => boolean;
  /** A batch was dropped, of which somebody here may still be owed something. */
  readonly onDrop: (log: HeldLog, batch: Batch) => void;
  /** A log was forgotten; when it is bare, nothing but word of it had come. */
  readonly onForget: (log: HeldLog, isBare: boolean) => void;
}

export class Shelf {
  readonly #options: ShelfOptions;
  readonly #logs = new Map<LogTag, HeldLog>();
  readonly #onTopic = new Map<string, Set<HeldLog>>();
  readonly #shares = new Map<MemberId, Share>();
  #foreignBytes = 0;
  #bare = 0;

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

  *logsOf(publisher: MemberId): Generator<HeldLog, void, undefined> {
    const share = this.#shares.get(publisher);
    if (!share) return;
    yield* share.logs;
    yield* share.bare;
  }

  onTopic(topic: string): Iterable<HeldLog> {
    return this.#onTopic.get(topic) ?? [];
  }

  /** All logs with batches, by turns of their publishers: of each, those behind the ones that came last time. */
  *inTurn(): Generator<HeldLog, void, undefined> {
    let open = Array.from(this.#shares.values(), (share) => ({ share, left: share.logs.size }));
    while (open.length > 0) {
      open = open.filter(({ left }) => left > 0);
      for (const each of open) {
        each.left -= 1;
        const log = nextOf(each.share);
        if (log) yield log;
      }
    }
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
    readonly bareLogs: number;
    readonly bareLogsOfOne: number;
  } {
    let [logsOfOne, bareLogsOfOne] = [0, 0];
    for (const { logs, bare } of this.#shares.values()) {
      logsOfOne = Math.max(logsOfOne, logs.size);
      bareLogsOfOne = Math.max(bareLogsOfOne, bare.size);
    }
    const { ownBytes } = this;
    const bareLogs = this.#bare;
    return {
      ownBytes,
      foreignBytes: this.#foreignBytes,
      logs: this.#logs.size - bareLogs,
      logsOfOne,
      bareLogs,
      bareLogsOfOne,
    };
  }

  /** The log of this name, begun when it is new, for good: a batch of it is to be held, or a place in it was saved. */
  open(name: LogName, now: number): HeldLog {
    const known = this.#logs.get(name.tag);
    if (known) {
      this.#settle(known);
      return known;
    }
    this.#makeWay(name);
    const log = this.#begin(name, now);
    this.#share(name.publisher).logs.add(log);
    return log;
  }

  /**
   * The same for a log of which nothing but word has come: it costs its publisher little, so there are fewer of those, and they
   * make room for each other only. What is forgotten of it can be asked for again.
   */
  hear(name: LogName, now: number): HeldLog {
    const known = this.#logs.get(name.tag);
    if (known) return known;
    const own = this.#shares.get(name.publisher)?.bare;
    if (own && own.size >= BARE_LOGS_PER_PUBLISHER_MAX) this.forget(first(own)!);
    else if (this.#bare >= BARE_LOGS_MAX) this.forget(first(this.#payer(name.publisher, "bare", BARE_LOGS_MAX))!);
    const log = this.#begin(name, now);
    this.#share(name.publisher).bare.add(log);
    this.#bare += 1;
    return log;
  }

  /** Room for a batch is made before; see `makeRoom`. */
  insert(log: HeldLog, batch: Batch, digest: Uint8Array, now: number): Inserted {
    const inserted = log.insert(batch, digest, now);
    if (inserted.kind !== "inserted") return inserted;
    this.#settle(log);
    this.#count(log, batch.bytes.length);
    // The longest unchanged one stays first.
    const { logs } = this.#share(log.name.publisher);
    if (logs.size > 1 && logs.delete(log)) logs.add(log);
    return inserted;
  }

  /** Drops what may be dropped until there is room for so many more bytes of this publisher; false when there is not. */
  makeRoom(publisher: MemberId, bytes: number): boolean {
    const isMine = publisher === this.#options.me;
    const used = () => (isMine ? this.ownBytes : this.#foreignBytes);
    while (used() + bytes > this.#options.bytesMax()) {
      const isMade = isMine ? this.#dropFrom(this.#share(publisher)) : this.#dropForeign(publisher);
      if (!isMade) return false;
    }
    return true;
  }

  /** The same within one log, which may take up so many bytes. Its newest batch is held however long it is. */
  makeRoomIn(log: HeldLog, bytes: number, bytesMax: number): boolean {
    const least = bytes > 0 ? 0 : 1;
    while (log.bytes + bytes > bytesMax && log.size > least) {
      if (!this.#options.isFree(log, log.oldest!.batch)) return false;
      this.#drop(log);
    }
    return true;
  }

  /** Drops all batches that came before this instant. */
  expire(log: HeldLog, before: number): void {
    while (log.oldest && log.oldest.at < before) this.#drop(log);
  }

  forget(log: HeldLog): void {
    const { publisher, topic, tag } = log.name;
    const share = this.#share(publisher);
    this.#count(log, -log.bytes);
    share.logs.delete(log);
    const isBare = share.bare.delete(log);
    if (isBare) this.#bare -= 1;
    if (share.logs.size + share.bare.size === 0) this.#shares.delete(publisher);
    const alike = this.#onTopic.get(topic);
    alike?.delete(log);
    if (alike?.size === 0) this.#onTopic.delete(topic);
    this.#logs.delete(tag);
    this.#options.onForget(log, isBare);
  }

  #begin(name: LogName, now: number): HeldLog {
    const log = new HeldLog(name, name.publisher === this.#options.me, now);
    this.#logs.set(name.tag, log);
    const alike = this.#onTopic.get(name.topic) ?? new Set();
    this.#onTopic.set(name.topic, alike.add(log));
    return log;
  }

  /** A log of which nothing but word had come is one to hold. */
  #settle(log: HeldLog): void {
    const share = this.#share(log.name.publisher);
    if (!share.bare.delete(log)) return;
    this.#bare -= 1;
    this.#makeWay(log.name);
    this.#share(log.name.publisher).logs.add(log);
  }

  /** Another log is to be held: an earlier life's goes, or the publisher's longest unchanged one, or another publisher's. */
  #makeWay({ publisher, topic }: LogName): void {
    const victim = this.#tooMany(publisher, topic) ?? this.#oneOfAll(publisher);
    if (victim) this.forget(victim);
  }

  /** Of the publisher's own. Mine are bounded where they begin: none of them is forgotten for another. */
  #tooMany(publisher: MemberId, topic: string): HeldLog | undefined {
    const own = this.#shares.get(publisher)?.logs;
    if (!own || publisher === this.#options.me || own.size < LIVES_PER_TOPIC_MAX) return undefined;
    const lives = [...this.onTopic(topic)].filter((log) => own.has(log));
    if (lives.length >= LIVES_PER_TOPIC_MAX) return quietest(lives);
    return own.size >= LOGS_PER_PUBLISHER_MAX ? first(own) : undefined;
  }

  #oneOfAll(publisher: MemberId): HeldLog | undefined {
    if (this.#logs.size - this.#bare < LOGS_MAX) return undefined;
    return first(this.#payer(publisher, "logs", LOGS_MAX));
  }

  /** Whose logs make room for another one of this publisher: its own when it has its fair share, else those of whom has most. */
  #payer(publisher: MemberId, kind: "logs" | "bare", max: number): Set<HeldLog> {
    const { me } = this.#options;
    const own = this.#shares.get(publisher)?.[kind];
    if (own && publisher !== me && own.size >= max / this.#shares.size) return own;
    let most = new Set<HeldLog>();
    for (const [other, share] of this.#shares) {
      if (other !== me && share[kind].size > most.size) most = share[kind];
    }
    return most;
  }

  /** Of the publisher when it has its fair share, else of the greediest; of another when nothing of that may go. */
  #dropForeign(publisher: MemberId): boolean {
    const own = this.#shares.get(publisher);
    const isGreedy = own !== undefined && own.bytes * this.#foreignShares() >= this.#options.bytesMax();
    const greediest = this.#greediest();
    const payers = new Set([...(isGreedy ? [own] : []), ...(greediest ? [greediest] : []), ...this.#shares.values()]);
    payers.delete(this.#share(this.#options.me));
    for (const share of payers) if (this.#dropFrom(share)) return true;
    return false;
  }

  #foreignShares(): number {
    return Math.max(1, this.#shares.size - (this.#shares.has(this.#options.me) ? 1 : 0));
  }

  /** Of the logs of one publisher, the oldest batch that may go. */
  #dropFrom(share: Share): boolean {
    let oldest: HeldLog | undefined;
    for (const log of share.logs) {
      const held = log.oldest;
      if (held && held.at < (oldest?.oldest?.at ?? Number.POSITIVE_INFINITY) && this.#options.isFree(log, held.batch)) {
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
      const logs = new Set<HeldLog>();
      share = { logs, bare: new Set(), bytes: 0, turn: logs.values() };
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
}

/** The next of a publisher's logs in its turn, from the beginning again behind the last one. */
function nextOf(share: Share): HeldLog | undefined {
  const { done, value } = share.turn.next();
  if (!done) return value;
  share.turn = share.logs.values();
  return share.turn.next().value;
}

function first<T>(things: Iterable<T>): T | undefined {
  const [one] = things;
  return one;
}

function quietest(logs: readonly HeldLog[]): HeldLog {
  return logs.reduce((found, log) => (log.changedAt < found.changedAt ? log : found));
}
