/** How long batches are kept: which may go when room is needed, which go when their time is over, and what follows here. */
import type { Timers } from "../rings/index.js";
import type { Deliveries } from "./delivering/deliveries.js";
import { START_TIMER } from "./delivering/subscriber.js";
import type { HeldLog } from "./holding/held-log.js";
import type { Shelf } from "./holding/shelf.js";
import type { Keeping } from "./keeping.js";
import type { Publisher } from "./publishing/publisher.js";
import type { Batch } from "./records/batch.js";
import type { Settings } from "./settings.js";
import type { Audience } from "./spreading/audience.js";
import type { Post } from "./spreading/post.js";
import type { Repair } from "./spreading/repair.js";

/** The timer at which batches are looked through. */
export const EXPIRE_TIMER = "expire/";
/** Batches whose time is over are dropped so many times in a retention. */
const EXPIRIES = 16;
/** Milliseconds between two looks at least: each walks all logs that are held. */
const EXPIRY_PAUSE_MIN = 100;

export interface RetentionOptions {
  readonly settings: Settings;
  readonly keeping: Keeping;
  readonly timers: Timers;
  readonly audience: Audience;
  readonly shelf: Shelf;
  readonly deliveries: Deliveries;
  readonly publisher: Publisher;
  readonly post: Post;
  readonly repair: Repair;
}

export class Retention {
  readonly #options: RetentionOptions;

  constructor(options: RetentionOptions) {
    this.#options = options;
  }

  /** May this batch, the oldest of its log, go when room is needed? */
  isFree(log: HeldLog, batch: Batch, now: number): boolean {
    const { publisher, deliveries, settings } = this.#options;
    if (log.isMine && !publisher.isFree(log, batch)) return false;
    return !deliveries.isProtected(log, batch.last, settings.retentionBytes, now);
  }

  /** A batch is held no more. */
  dropped(log: HeldLog, batch: Batch, now: number): void {
    if (log.isMine) this.#options.publisher.dropped(log, batch);
    this.#options.deliveries.lose(log, batch.first, Math.min(batch.last, log.held), now);
  }

  /** A log is held no more. Of one of which nothing but word had come nothing is lost: it is learnt again when a batch comes. */
  forgotten(log: HeldLog, isBare: boolean, now: number): void {
    const { deliveries, repair, post, timers } = this.#options;
    if (log.top > 0 && !isBare) deliveries.lose(log, 1, log.top, now);
    repair.forget(log.name.tag);
    deliveries.forget(log.name.tag, now);
    post.forget(log);
    timers.clear(START_TIMER + log.name.tag);
  }

  /** Something of this topic is held whose time will be over. */
  expireLater(topic: string, now: number): void {
    this.#lookIn(this.#options.keeping.msOf(topic), now);
  }

  /** A log may be over when a member has gone. */
  memberGone(now: number): void {
    this.#lookIn(this.#options.settings.retentionMs, now);
  }

  /** Topics are kept for another time, or in other sizes, from now on. */
  changed(now: number): void {
    this.#options.timers.setEarlier(EXPIRE_TIMER, now);
  }

  #lookIn(retentionMs: number, now: number): void {
    this.#options.timers.setEarlier(EXPIRE_TIMER, now + Math.max(EXPIRY_PAUSE_MIN, retentionMs / EXPIRIES));
  }

  /** What is older than its retention goes, and what is over the bytes of its topic; so do logs that are empty and have been quiet for as long. */
  expire(now: number): void {
    const { shelf, audience, keeping, publisher } = this.#options;
    let shortest = Number.POSITIVE_INFINITY;
    for (const log of shelf.logs()) {
      const { topic } = log.name;
      const ms = keeping.msOf(topic);
      shelf.expire(log, now - ms);
      shelf.makeRoomIn(log, 0, keeping.bytesOf(topic));
      const isLeft = !log.isMine && !audience.isLive(log.name.publisher);
      const isOver = log.isMine ? publisher.isOver(log) : isLeft && now - log.changedAt > 2 * ms;
      if (log.size === 0 && isOver && !this.#options.deliveries.isMissing(log.name.tag)) shelf.forget(log);
      else if (isLeft || log.size > 0) shortest = Math.min(shortest, ms);
    }
    publisher.roomMade(now);
    if (shortest < Number.POSITIVE_INFINITY) this.#lookIn(shortest, now);
  }
}
