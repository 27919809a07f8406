/** How long batches are kept: which may go when room is needed, which go when their time is over, and what follows here. */
import type { Timers } from "../rings/index.js";
import type { Deliveries } from "./delivering/deliveries.js";
import { START_TIMER } from "./delivering/subscriber.js";
import type { HeldLog } from "./holding/held-log.js";
import type { Shelf } from "./holding/shelf.js";
import type { MachineOptions } from "./machine-options.js";
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

export interface RetentionOptions {
  readonly settings: Settings;
  /** Of some topics of mine, in place of the settings'. */
  readonly retention: MachineOptions["retention"];
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

  /** Something is held whose time will be over. */
  expireLater(now: number): void {
    const { timers, settings } = this.#options;
    timers.setEarlier(EXPIRE_TIMER, now + settings.retentionMs / EXPIRIES);
  }

  /** What is older than its retention goes; so do logs that are empty and have been quiet for as long. */
  expire(now: number): void {
    const { shelf, audience, settings, retention, publisher } = this.#options;
    let isAllOver = true;
    for (const log of shelf.logs()) {
      const ms = (log.isMine && retention?.(log.name.topic)?.ms) || settings.retentionMs;
      shelf.expire(log, now - ms);
      const isLeft = !log.isMine && !audience.isLive(log.name.publisher);
      const isOver = log.isMine ? publisher.isOver(log) : isLeft && now - log.changedAt > 2 * ms;
      if (log.size === 0 && isOver && !this.#options.deliveries.isMissing(log.name.tag)) shelf.forget(log);
      else if (isLeft || log.size > 0) isAllOver = false;
    }
    publisher.roomMade(now);
    if (!isAllOver) this.expireLater(now);
  }
}
