/**
 * What arrives of a log: whether it is taken, what follows from it here, whom it is passed on to, and what its publisher is
 * told of it.
 */
import { Buckets, type MemberId, type Sha256 } from "../rings/index.js";
import type { Deliveries } from "./delivering/deliveries.js";
import type { Subscriber } from "./delivering/subscriber.js";
import type { Held, HeldLog } from "./holding/held-log.js";
import type { Proofs } from "./holding/proofs.js";
import type { Shelf } from "./holding/shelf.js";
import type { Keeping } from "./keeping.js";
import { BACKLOG_BYTES_MAX, BATCH_BYTES, FULL_MS, LOG_REFILL_MS, LOGS_BURST, MEMBERS_COUNTED_MAX } from "./limits.js";
import type { Publisher } from "./publishing/publisher.js";
import { type Batch, FLAG_URGENT, type Head } from "./records/batch.js";
import type { Progress, Start, Stretch } from "./records/packet.js";
import type { Retention } from "./retention.js";
import type { Settings } from "./settings.js";
import type { Audience } from "./spreading/audience.js";
import type { Post } from "./spreading/post.js";
import type { Repair } from "./spreading/repair.js";
import type { Spreader } from "./spreading/spreader.js";

export interface ArrivalsOptions {
  readonly me: MemberId;
  readonly settings: Settings;
  readonly keeping: Keeping;
  readonly sha256: Sha256;
  readonly random: () => number;
  readonly audience: Audience;
  readonly shelf: Shelf;
  readonly proofs: Proofs;
  readonly deliveries: Deliveries;
  readonly subscriber: Subscriber;
  readonly publisher: Publisher;
  readonly post: Post;
  readonly spreader: Spreader;
  readonly repair: Repair;
  readonly retention: Retention;
}

export class Arrivals {
  readonly #options: ArrivalsOptions;
  /** Logs that each publisher begins here. */
  readonly #begun = new Buckets<MemberId>({ burst: LOGS_BURST, refillMs: LOG_REFILL_MS }, MEMBERS_COUNTED_MAX);
  /** No room could be made for a publisher: until then no batch of it is looked at. Others may have room, and cost it theirs. */
  readonly #fullUntil = new Map<MemberId, number>();

  constructor(options: ArrivalsOptions) {
    this.#options = options;
  }

  /** Why a batch is not taken, as far as its body tells; undefined when it is. */
  objection(head: Head, from: MemberId, bytes: number, stretch: Stretch | undefined, now: number): string | undefined {
    const { me, repair, shelf, deliveries } = this.#options;
    const { log: name } = head;
    if (name.publisher === me) return "own";
    repair.named(name.tag);
    const log = shelf.get(name.tag);
    if (log?.has(head)) return this.#repeated(log, head.first, from, stretch, now);
    // Of a log that I hold for its publisher, others may send me what I miss.
    const isHeld = from === name.publisher || log?.start !== undefined;
    if (!isHeld && !deliveries.wants(name.topic)) return "unwanted";
    if (log?.start !== undefined && head.first + head.count - 1 < log.start) return "old";
    const isFull = now < (this.#fullUntil.get(name.publisher) ?? 0);
    return isFull || (log && !this.#mayWait(log, head.first, bytes)) ? "full" : undefined;
  }

  /** What I have already: its publisher may not know that I have, and others may count on me to pass it on. */
  #repeated(log: HeldLog, first: number, from: MemberId, stretch: Stretch | undefined, now: number): string {
    if (from === log.name.publisher) this.#tellLater(log, now);
    if (stretch) this.#passOn(log, log.entry(first)!, from, stretch, now);
    return "held";
  }

  /** A batch whose signature is valid. Why it is not taken; undefined when it is. */
  batch(batch: Batch, from: MemberId, stretch: Stretch | undefined, now: number): string | undefined {
    const { shelf, sha256, retention, repair, deliveries, subscriber, post } = this.#options;
    const digest = sha256(batch.body);
    const reason = this.#obstacle(batch, digest, from, now);
    if (reason) return reason === "held" ? undefined : reason;
    const log = shelf.open(batch.log, now);
    shelf.insert(log, batch, digest, now);
    retention.expireLater(batch.log.topic, now);
    repair.arrived(log, from, batch.bytes.length, now);
    if (log.start === undefined || !deliveries.isFollowed(log.name.tag)) subscriber.appeared(log, now);
    this.#passOn(log, log.entry(batch.first)!, from, stretch, now);
    this.advanced(log, now);
    // What the publisher sent straight to me among many: it counts on me to hold it.
    if (isUrgent(batch) && from === log.name.publisher && !stretch) post.progress(log, now);
    else this.#tellLater(log, now);
    return undefined;
  }

  /** Only what fits what is held gets room, at the cost of others. */
  #obstacle(batch: Batch, digest: Uint8Array, from: MemberId, now: number): string | undefined {
    const { shelf, proofs, repair, keeping } = this.#options;
    const log = shelf.get(batch.log.tag);
    const judged = log?.judge(batch, digest);
    if (judged?.kind === "conflict") {
      proofs.found(judged.head, batch, from);
      repair.contradicted(log!, from, now);
      return "conflict";
    }
    if (judged?.kind === "held") return "held";
    if (!log && this.#begun.take(batch.log.publisher, now) > 0) return "too-many-logs";
    // One log is full for itself only.
    if (log && !this.#mayWait(log, batch.first, batch.bytes.length)) return "full";
    if (log) shelf.makeRoomIn(log, batch.bytes.length, keeping.bytesOf(batch.log.topic));
    if (shelf.makeRoom(batch.log.publisher, batch.bytes.length)) return undefined;
    if (this.#fullUntil.size >= MEMBERS_COUNTED_MAX) this.#fullUntil.clear();
    this.#fullUntil.set(batch.log.publisher, now + FULL_MS);
    return "full";
  }

  /** A batch that was kept elsewhere, and checked there. False: there is no room for it now. */
  recovered(batch: Batch, now: number): boolean {
    const { me, shelf, deliveries, subscriber } = this.#options;
    const log = shelf.get(batch.log.tag);
    // Of my own logs those that I hold are whole, but for what their own subscriptions are too slow for.
    if (batch.log.publisher === me && !deliveries.isMissing(batch.log.tag)) return true;
    if (log?.has(batch) || (log?.start !== undefined && batch.last < log.start)) return true;
    if (log && !this.#mayWait(log, batch.first, batch.bytes.length)) return false;
    if (!shelf.makeRoom(batch.log.publisher, batch.bytes.length)) return false;
    if (!deliveries.isFollowed(batch.log.tag)) subscriber.recovering(shelf.open(batch.log, now), batch.first);
    this.batch(batch, me, undefined, now);
    return true;
  }

  /** A head whose signature is valid. */
  head(head: Head, now: number): string | undefined {
    const { deliveries, subscriber, repair } = this.#options;
    const log = this.#hear(head.log, now);
    if (!log) return "too-many-logs";
    log.show(head.first + head.count - 1);
    if (deliveries.hasReady(head.log.topic)) subscriber.appeared(log, now);
    if (log.start !== undefined) repair.fill(log, now);
    return undefined;
  }

  /** The publisher says where my share of its log begins. */
  start({ log: name, first }: Start, now: number): string | undefined {
    const log = this.#hear(name, now);
    if (!log) return "too-many-logs";
    if (log.start === undefined || log.top < first - 1) this.#options.subscriber.begin(log, first, now);
    this.#options.post.progress(log, now + this.#options.settings.gatherMs);
    return undefined;
  }

  /** A log of which word has come; undefined when its publisher begins too many. */
  #hear(name: HeldLog["name"], now: number): HeldLog | undefined {
    const known = this.#options.shelf.get(name.tag);
    if (known || this.#begun.take(name.publisher, now) > 0) return known;
    return this.#options.shelf.hear(name, now);
  }

  /** More of the log is held, or owed. */
  advanced(log: HeldLog, now: number): void {
    this.#options.deliveries.advance(log, now);
    this.#options.repair.changed(log, now);
  }

  /** Subscriptions settled more of it. */
  settled(log: HeldLog, now: number): void {
    this.#tellLater(log, now);
    this.#fullUntil.clear();
    // There is room for what was not taken.
    if (log.top > log.held && !log.isMine) this.#options.repair.fill(log, now);
  }

  /** Nobody has these any more. */
  lost(log: HeldLog, first: number, last: number, now: number): void {
    this.#options.deliveries.lose(log, first, last, now);
    log.skip(last);
    this.advanced(log, now);
    this.#options.post.progress(log, now);
  }

  /** What its publisher is told of it; undefined for nothing. */
  progressOf(log: HeldLog): Progress | undefined {
    const { audience, deliveries } = this.#options;
    if (log.start === undefined || !audience.isLive(log.name.publisher)) return undefined;
    const acknowledged = Math.min(deliveries.settled(log.name.tag) ?? 0, log.held);
    return { tag: log.name.tag, held: log.held, acknowledged };
  }

  /** Is the log to be complete here, and is there room for more of it? */
  isWanted(log: HeldLog): boolean {
    const { deliveries, audience } = this.#options;
    if (!this.#mayWait(log, log.held + 1, BATCH_BYTES)) return false;
    return deliveries.isFollowed(log.name.tag) || audience.isLive(log.name.publisher);
  }

  /**
   * May so many bytes, from this number on, wait here for subscriptions? What comes behind a hole cannot be settled before the hole is
   * filled: it has half of the room, and what fills the hole is taken however long it is when nothing else can be settled.
   */
  #mayWait(log: HeldLog, first: number, bytes: number): boolean {
    const settled = this.#options.deliveries.mostSettled(log.name.tag);
    if (settled === undefined) return true;
    const room = Math.min(BACKLOG_BYTES_MAX, this.#options.keeping.bytesOf(log.name.topic));
    const [waiting, behind] = [log.bytesAfter(settled), log.bytesAfter(log.held)];
    if (first <= log.held + 1) return waiting === behind || waiting + bytes <= room;
    return waiting === 0 || (behind + bytes <= room / 2 && waiting + bytes <= room);
  }

  /** Progress that nobody waits for, or that many others tell the publisher as well, is gathered for a while. */
  #tellLater(log: HeldLog, now: number): void {
    const { settings, audience, post, random } = this.#options;
    const { gatherMs, directMax } = settings;
    const crowd = audience.of(log.name.topic).members.size + 1;
    if (crowd > directMax) post.progress(log, now + gatherMs * (crowd / directMax) * (0.5 + random()));
    else post.progress(log, log.newest && isUrgent(log.newest.batch) ? now : now + gatherMs);
  }

  /** Among many subscribers: along the stretch that it came with, once, and announced to ring neighbours. */
  #passOn(log: HeldLog, held: Held, from: MemberId, stretch: Stretch | undefined, now: number): void {
    const { audience, settings, spreader, repair, publisher } = this.#options;
    const crowd = audience.of(log.name.topic);
    if (crowd.members.size < settings.directMax) return;
    const children = stretch && !held.isPassed ? spreader.pass(crowd, held.batch, stretch) : [];
    if (stretch) held.isPassed = true;
    repair.spread(log, new Set([...children, from, log.name.publisher]), publisher.drawn, now);
  }
}

function isUrgent({ flags }: Batch): boolean {
  return (flags & FLAG_URGENT) !== 0;
}
