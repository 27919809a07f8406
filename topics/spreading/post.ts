/**
 * What leaves for other members: batches at once, in the bytes that they have; progress and announcements gathered into one packet
 * for each member and turn, or for a few milliseconds more when nobody waits for them.
 */
import type { MemberId } from "../../rings/index.js";
import type { Outbox } from "../effects.js";
import type { HeldLog } from "../holding/held-log.js";
import { ENTRIES_MAX, HEADS_MAX } from "../limits.js";
import type { Batch, Head } from "../records/batch.js";
import { FRAME_HEAD_BYTES, frameOf, writeFrameHead } from "../records/frames.js";
import type { LogName, LogTag } from "../records/log.js";
import {
  batchPrefix,
  encodePacket,
  type Packet,
  type Progress,
  type Range,
  type Start,
  type Stretch,
} from "../records/packet.js";

/** What a member is told of logs at the end of a turn: of each what was said last. */
interface Announcements {
  readonly asking: Map<LogTag, readonly Range[]>;
  readonly telling: Map<LogTag, readonly Range[]>;
}

export interface PostOptions {
  readonly outbox: Outbox;
  /** What this member has of a log to tell its publisher; undefined for nothing. */
  readonly progressOf: (log: HeldLog) => Progress | undefined;
}

export class Post {
  readonly #options: PostOptions;
  /** Logs of others whose progress is to be told, and when at the latest. */
  readonly #dirty = new Map<HeldLog, number>();
  #progressAt = Number.POSITIVE_INFINITY;
  /** Announcements of this turn, by member: those that ask for an answer, and those that do not. */
  readonly #announcements = new Map<MemberId, Announcements>();

  constructor(options: PostOptions) {
    this.#options = options;
  }

  /** When `flush` is due; Infinity when nothing waits, minus Infinity when something waits for the end of the turn. */
  get deadline(): number {
    return this.#announcements.size > 0 ? Number.NEGATIVE_INFINITY : this.#progressAt;
  }

  /** Tells a member what is held of a log at the end of the turn, together with what else it is told then. */
  tell(to: MemberId, tag: LogTag, ranges: readonly Range[], answer: boolean): void {
    const known = this.#announcements.get(to) ?? { asking: new Map(), telling: new Map() };
    this.#announcements.set(to, known);
    (answer ? known.asking : known.telling).set(tag, ranges);
  }

  /** A frame as it is. */
  frame(to: readonly MemberId[], frame: Uint8Array): void {
    this.#options.outbox.emit({ kind: "send", to, frame, rest: undefined });
  }

  /** A batch in the bytes that it came in, behind a few of mine. */
  batch(to: readonly MemberId[], batch: Batch, stretch: Stretch | undefined): void {
    const prefix = batchPrefix(stretch);
    const frame = new Uint8Array(FRAME_HEAD_BYTES + prefix.length);
    writeFrameHead(frame, prefix.length + batch.bytes.length);
    frame.set(prefix, FRAME_HEAD_BYTES);
    this.#options.outbox.emit({ kind: "send", to, frame, rest: batch.bytes });
  }

  packet(to: readonly MemberId[], packet: Exclude<Packet, { kind: "batch" }>): void {
    if (to.length > 0) this.frame(to, frameOf(encodePacket(packet)));
  }

  announce(to: readonly MemberId[], entries: readonly Range[], answer: boolean): void {
    for (const part of parts(entries, ENTRIES_MAX)) this.packet(to, { kind: "announce", answer, entries: part });
  }

  /** Of a queue group, to others of it. */
  group(to: readonly MemberId[], kind: "handled" | "awaited", queue: string, entries: readonly Range[]): void {
    for (const part of parts(entries, ENTRIES_MAX)) this.packet(to, { kind, queue, entries: part });
  }

  start(to: MemberId, log: LogName, first: number): void {
    this.starts(to, [{ log, first }]);
  }

  starts(to: MemberId, entries: readonly Start[]): void {
    for (const part of parts(entries, ENTRIES_MAX)) this.packet([to], { kind: "start", entries: part });
  }

  heads(to: MemberId, heads: readonly Head[]): void {
    if (heads.length === 0) this.packet([to], { kind: "heads", heads });
    for (const part of parts(heads, HEADS_MAX)) this.packet([to], { kind: "heads", heads: part });
  }

  /** The log's progress is to be told to its publisher, at this instant at the latest. */
  progress(log: HeldLog, at: number): void {
    if (log.isMine || at >= (this.#dirty.get(log) ?? Number.POSITIVE_INFINITY)) return;
    this.#dirty.set(log, at);
    this.#progressAt = Math.min(this.#progressAt, at);
  }

  /** The log is forgotten. */
  forget(log: HeldLog): void {
    this.#dirty.delete(log);
  }

  flush(now: number): void {
    for (const [to, { asking, telling }] of this.#announcements) {
      this.announce([to], [...asking.values()].flat(), true);
      this.announce([to], [...telling.values()].flat(), false);
    }
    this.#announcements.clear();
    if (this.#progressAt <= now) this.#flushProgress(now);
  }

  /** Also what could wait longer. */
  flushAll(now: number): void {
    this.flush(now);
    this.#flushProgress(Number.POSITIVE_INFINITY);
  }

  /** Whom one log is due to hears of all that it is to hear of. */
  #flushProgress(now: number): void {
    const byPublisher = new Map<MemberId, Progress[]>();
    for (const [log, at] of this.#dirty) if (at <= now) byPublisher.set(log.name.publisher, []);
    this.#progressAt = Number.POSITIVE_INFINITY;
    for (const [log, at] of this.#dirty) {
      const entries = byPublisher.get(log.name.publisher);
      if (!entries) this.#progressAt = Math.min(this.#progressAt, at);
      else {
        this.#dirty.delete(log);
        const progress = this.#options.progressOf(log);
        if (progress) entries.push(progress);
      }
    }
    for (const [publisher, entries] of byPublisher) {
      for (const part of parts(entries, ENTRIES_MAX)) this.packet([publisher], { kind: "progress", entries: part });
    }
  }
}

function* parts<T>(list: readonly T[], size: number): Generator<readonly T[], void, undefined> {
  for (let at = 0; at < list.length; at += size) yield list.slice(at, at + size);
}
