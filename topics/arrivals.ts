/**
 * What arrives of a log: whether it is taken, what follows from it here, whom it is passed on to, and what its publisher is
 * told of it.
 */
import type { MemberId, Sha256 } from "../rings/index.js";
import type { Deliveries } from "./delivering/deliveries.js";
import type { Subscriber } from "./delivering/subscriber.js";
import type { Held, HeldLog } from "./holding/held-log.js";
import type { Proofs } from "./holding/proofs.js";
import type { Shelf } from "./holding/shelf.js";
import { BACKLOG_BYTES_MAX } from "./limits.js";
import type { Publisher } from "./publishing/publisher.js";
import { type Batch, FLAG_URGENT, type Head } from "./records/batch.js";
import type { Progress, Stretch } from "./records/packet.js";
import type { Retention } from "./retention.js";
import type { Settings } from "./settings.js";
import type { Audience } from "./spreading/audience.js";
import type { Post } from "./spreading/post.js";
import type { Repair } from "./spreading/repair.js";
import type { Spreader } from "./spreading/spreader.js";

export interface ArrivalsOptions {
  readonly me: MemberId;
  readonly settings: Settings;
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
    if (log && this.#backlog(log) + bytes > BACKLOG_BYTES_MAX) return "full";
    return shelf.makeRoom(name.publisher, bytes) ? undefined : "full";
  }

  /** What I have already: its publisher may not know that I have, and others may count on me to pass it on. */
  #repeated(log: HeldLog, first: number, from: MemberId, stretch: Stretch | undefined, now: number): string {
    if (from === log.name.publisher) this.#tellLater(log, now);
    if (stretch) this.#passOn(log, log.entry(first)!, from, stretch, now);
    return "held";
  }

  /** A batch whose signature is valid. */
  batch(batch: Batch, from: MemberId, stretch: Stretch | undefined, now: number): void {
    const { shelf, sha256, proofs, retention, repair, deliveries, subscriber, post } = this.#options;
    const log = shelf.open(batch.log, now);
    const inserted = shelf.insert(log, batch, sha256(batch.body), now);
    if (inserted.kind === "conflict") {
      proofs.found(inserted.head, batch, from);
      return;
    }
    if (inserted.kind === "held") return;
    retention.expireLater(now);
    repair.arrived(log, from, now);
    if (log.start === undefined || !deliveries.isFollowed(log.name.tag)) subscriber.appeared(log, now);
    this.#passOn(log, log.entry(batch.first)!, from, stretch, now);
    this.advanced(log, now);
    // What the publisher sent straight to me among many: it counts on me to hold it.
    if (isUrgent(batch) && from === log.name.publisher && !stretch) post.progress(log, now);
    else this.#tellLater(log, now);
  }

  /** A head whose signature is valid. */
  head(head: Head, now: number): void {
    const { shelf, deliveries, subscriber, repair } = this.#options;
    const log = shelf.open(head.log, now);
    log.show(head.first + head.count - 1);
    if (deliveries.hasReady(head.log.topic)) subscriber.appeared(log, now);
    if (log.start !== undefined) repair.fill(log, now);
  }

  /** More of the log is held, or owed. */
  advanced(log: HeldLog, now: number): void {
    this.#options.deliveries.advance(log, now);
    this.#options.repair.changed(log, now);
  }

  /** Subscriptions settled more of it. */
  settled(log: HeldLog, now: number): void {
    this.#tellLater(log, now);
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
    if (this.#backlog(log) >= BACKLOG_BYTES_MAX) return false;
    return deliveries.isFollowed(log.name.tag) || audience.isLive(log.name.publisher);
  }

  /** Bytes of a log that no subscription has settled. */
  #backlog(log: HeldLog): number {
    const settled = this.#options.deliveries.mostSettled(log.name.tag);
    return settled === undefined ? 0 : log.bytesAfter(settled);
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
