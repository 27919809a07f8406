/**
 * Hands messages to the handlers of this member's subscriptions: in order for each log, within each subscription's window, again
 * after a failure, and to the dead letters in the end.
 */
import type { Timers } from "../../rings/index.js";
import type { Outbox, SubscriptionNumber } from "../effects.js";
import type { HeldLog } from "../holding/held-log.js";
import { Matcher } from "../matcher.js";
import { matches } from "../names.js";
import type { LogTag } from "../records/log.js";
import { Cursor } from "./cursor.js";
import type { Groups } from "./groups.js";
import { Standing } from "./standing.js";
import { backoff, type Subscription } from "./subscription.js";

/** Begins the names of timers for messages that come again; subscription and tag follow. */
export const RETRY_TIMER = "retry/";

export interface DeliveriesOptions {
  readonly outbox: Outbox;
  readonly timers: Timers;
  /** A subscription settled more of a log. */
  readonly onSettled: (log: HeldLog, now: number) => void;
  readonly groups: Groups;
  /** Nothing more comes for it. */
  readonly onEnded: (subscription: Subscription) => void;
}

export class Deliveries {
  readonly #options: DeliveriesOptions;
  readonly #subscriptions = new Map<SubscriptionNumber, Subscription>();
  /** The cursors in each log. */
  readonly #byLog = new Map<LogTag, Set<Cursor>>();
  readonly #owners = new Map<Cursor, Subscription>();
  /** By their patterns: each batch asks who wants it. */
  readonly #matcher = new Matcher<Subscription>();
  readonly #standing = new Standing(() => this.#subscriptions.values());
  /** Patterns of what is kept elsewhere when members hold it no more. */
  #kept: readonly string[] = [];

  constructor(options: DeliveriesOptions) {
    this.#options = options;
  }

  get(number: SubscriptionNumber): Subscription | undefined {
    return this.#subscriptions.get(number);
  }

  all(): Iterable<Subscription> {
    return this.#subscriptions.values();
  }

  get size(): number {
    return this.#subscriptions.size;
  }

  /** Those that are subscribed to the topic. */
  on(topic: string): ReadonlySet<Subscription> {
    return this.#matcher.match(topic);
  }

  /** Is anything here subscribed to the topic? */
  wants(topic: string): boolean {
    return this.#matcher.size > 0 && this.on(topic).size > 0;
  }

  /** Is any of those resolved? */
  hasReady(topic: string): boolean {
    for (const { isReady } of this.on(topic)) if (isReady) return true;
    return false;
  }

  /** May what nobody holds of the topic still come from elsewhere? */
  isRecovering(topic: string): boolean {
    for (const { pattern, isRecovering } of this.#subscriptions.values())
      if (isRecovering && matches(pattern, topic)) return true;
    return false;
  }

  /** From now on what matches these is kept elsewhere. */
  keptElsewhere(patterns: readonly string[]): void {
    this.#kept = patterns;
  }

  /** Is something of the log looked for elsewhere? */
  isMissing(tag: LogTag): boolean {
    for (const cursor of this.#byLog.get(tag) ?? []) if (cursor.isMissing) return true;
    return false;
  }

  /**
   * What a subscription missed by now is looked for. From which instant on it was published, in unix milliseconds; undefined
   * when that is not known.
   */
  seek(subscription: Subscription): number | undefined {
    let since: number | undefined = Number.POSITIVE_INFINITY;
    for (const cursor of subscription.cursors.values()) {
      if (!cursor.seek()) continue;
      since = cursor.handedAt === undefined || since === undefined ? undefined : Math.min(since, cursor.handedAt);
    }
    return since === Number.POSITIVE_INFINITY ? undefined : since;
  }

  /** It was looked for, and given. */
  recovered(subscription: Subscription, now: number): void {
    subscription.isRecovering = false;
    subscription.isMissing = false;
    let isMissing = false;
    for (const cursor of [...subscription.cursors.values()]) {
      for (const { first, last } of cursor.notFound()) this.#loseNow(cursor, first, last, now);
      isMissing ||= cursor.isMissing;
      this.#pump(cursor, now);
    }
    if (isMissing) this.#tellMissed(subscription);
  }

  #tellMissed(subscription: Subscription): void {
    if (subscription.isMissing) return;
    subscription.isMissing = true;
    this.#options.outbox.emit({ kind: "missed", subscription: subscription.number });
  }

  add(subscription: Subscription): void {
    this.#subscriptions.set(subscription.number, subscription);
    this.#matcher.add(subscription.pattern, subscription);
  }

  /** It was not begun after all. */
  cancel(subscription: Subscription): void {
    this.#subscriptions.delete(subscription.number);
    this.#matcher.delete(subscription.pattern, subscription);
  }

  /** The subscription is owed this log, all behind `settled`. */
  follow(subscription: Subscription, log: HeldLog, settled: number, above: Iterable<number> = []): Cursor {
    const known = subscription.cursors.get(log.name.tag);
    if (known) return known;
    const { queue } = subscription;
    const { groups } = this.#options;
    const standing = queue === undefined ? undefined : groups.share(queue, log);
    const cursor: Cursor = new Cursor(log, settled, above, standing && ((number) => standing(cursor, number)));
    subscription.cursors.set(log.name.tag, cursor);
    this.#owners.set(cursor, subscription);
    const cursors = this.#byLog.get(log.name.tag) ?? new Set();
    this.#byLog.set(log.name.tag, cursors.add(cursor));
    if (queue !== undefined) groups.joined(queue, cursor, subscription);
    return cursor;
  }

  isFollowed(tag: LogTag): boolean {
    return this.#byLog.has(tag);
  }

  /** What all subscriptions have settled of a log; undefined when none follows it. */
  settled(tag: LogTag): number | undefined {
    const cursors = this.#byLog.get(tag);
    if (!cursors) return undefined;
    let least = Number.POSITIVE_INFINITY;
    for (const cursor of cursors) least = Math.min(least, cursor.settled);
    return least;
  }

  /** What the foremost of its subscriptions has settled of a log; undefined when none follows it. */
  mostSettled(tag: LogTag): number | undefined {
    const cursors = this.#byLog.get(tag);
    if (!cursors) return undefined;
    let most = 0;
    for (const cursor of cursors) most = Math.max(most, cursor.settled);
    return most;
  }

  /** Is somebody still owed this message, for whom it is kept when room is needed? `bytesMax`: of the retention. */
  isProtected(log: HeldLog, number: number, bytesMax: number, now: number): boolean {
    for (const cursor of this.#byLog.get(log.name.tag) ?? []) {
      if (cursor.settled >= number) continue;
      if (!this.#standing.isBehind(this.#owners.get(cursor)!, bytesMax, now)) return true;
    }
    return false;
  }

  /** More of the log is held: its cursors hand out what they may. */
  advance(log: HeldLog, now: number): void {
    for (const cursor of this.#byLog.get(log.name.tag) ?? []) this.#pump(cursor, now);
  }

  acknowledge(number: SubscriptionNumber, tag: LogTag, first: number, last: number, now: number): void {
    const subscription = this.#subscriptions.get(number);
    const cursor = subscription?.cursors.get(tag);
    if (!subscription || !cursor) return;
    this.#change(subscription, cursor, () => cursor.settle(first, last));
    if (subscription.queue !== undefined) this.#options.groups.handled(cursor, first, last, now);
    this.#afterSettling(subscription, cursor, now);
  }

  /** Others of its group have handled these. */
  handledElsewhere(cursor: Cursor, numbers: readonly number[], now: number): void {
    const subscription = this.#owners.get(cursor);
    if (!subscription) return;
    let isNews = false;
    this.#change(subscription, cursor, () => {
      for (const number of numbers) if (cursor.handledElsewhere(number)) isNews = true;
    });
    if (isNews) this.#afterSettling(subscription, cursor, now);
  }

  /** What others of its group were to handle is this cursor's. */
  takeOver(cursor: Cursor, numbers: readonly number[], now: number): void {
    const subscription = this.#owners.get(cursor);
    if (!subscription) return;
    this.#change(subscription, cursor, () => cursor.takeOver(numbers));
    this.#pump(cursor, now);
  }

  /** It has resolved: what came until then may be handed out. */
  ready(subscription: Subscription, now: number): void {
    subscription.isReady = true;
    for (const cursor of subscription.cursors.values()) this.#pump(cursor, now);
  }

  fail(number: SubscriptionNumber, tag: LogTag, failed: number, last: number, now: number): void {
    const subscription = this.#subscriptions.get(number);
    const cursor = subscription?.cursors.get(tag);
    if (!subscription || !cursor) return;
    let attempts: number | undefined;
    this.#change(subscription, cursor, () => {
      const wait = backoff(subscription.backoffMs, cursor.failuresOf(failed) + 1);
      attempts = cursor.fail(failed, last, now + wait);
    });
    if (attempts === undefined) return;
    // Its time is over: it cannot come again.
    if (!cursor.log.find(failed)) this.#lose(cursor, failed, failed, now);
    else if (attempts >= subscription.attemptsMax) this.#bury(subscription, cursor, failed, attempts, now);
    this.#afterSettling(subscription, cursor, now);
  }

  /** Nobody holds these, or their time is over: told to those that are owed them and do not have them in hand. */
  lose(log: HeldLog, first: number, last: number, now: number): void {
    for (const cursor of this.#byLog.get(log.name.tag) ?? []) this.#lose(cursor, first, last, now);
  }

  #lose(cursor: Cursor, first: number, last: number, now: number): void {
    const { topic } = cursor.log.name;
    if (!this.#kept.some((pattern) => matches(pattern, topic))) this.#loseNow(cursor, first, last, now);
    else if (cursor.miss(first, last)) this.#tellMissed(this.#owners.get(cursor)!);
  }

  #loseNow(cursor: Cursor, first: number, last: number, now: number): void {
    const subscription = this.#owners.get(cursor)!;
    const { settled } = cursor;
    let lost: readonly { readonly first: number; readonly last: number }[] = [];
    this.#change(subscription, cursor, () => {
      lost = cursor.lose(first, last);
    });
    for (const range of lost) {
      this.#options.outbox.emit({ kind: "lost", subscription: subscription.number, log: cursor.log.name, ...range });
    }
    if (lost.length > 0 || cursor.settled > settled) this.#afterSettling(subscription, cursor, now);
  }

  /** Ends at once. */
  remove(subscription: Subscription, now: number): void {
    for (const cursor of subscription.cursors.values()) this.#forget(subscription, cursor, now);
    this.cancel(subscription);
    this.#options.outbox.emit({ kind: "ended", subscription: subscription.number });
    this.#options.onEnded(subscription);
  }

  drain(subscription: Subscription, now: number): void {
    subscription.isDraining = true;
    if (subscription.isSettled) this.remove(subscription, now);
  }

  /** The log is forgotten. */
  forget(tag: LogTag, now: number): void {
    for (const cursor of this.#byLog.get(tag) ?? []) this.#forget(this.#owners.get(cursor)!, cursor, now);
  }

  /** A message's time to come again is there; the name is a timer's, without its beginning. */
  due(name: string, now: number): void {
    const [number, tag] = name.split("/") as [string, LogTag];
    const cursor = this.#subscriptions.get(Number(number))?.cursors.get(tag);
    if (cursor) this.#pump(cursor, now);
  }

  #bury(subscription: Subscription, cursor: Cursor, number: number, attempts: number, now: number): void {
    const batch = cursor.log.find(number);
    if (batch) this.#options.outbox.emit({ kind: "dead", subscription: subscription.number, batch, number, attempts });
    this.#change(subscription, cursor, () => cursor.settle(number, number));
    if (subscription.queue !== undefined) this.#options.groups.handled(cursor, number, number, now);
  }

  #afterSettling(subscription: Subscription, cursor: Cursor, now: number): void {
    if (subscription.isDurable) this.#savePlace(subscription, cursor);
    this.#options.onSettled(cursor.log, now);
    if (subscription.isDraining && subscription.isSettled) {
      this.remove(subscription, now);
      return;
    }
    this.#pump(cursor, now);
    this.#serveWaiting(subscription, now);
  }

  #savePlace(subscription: Subscription, { log, settled, above }: Cursor): void {
    const place = { log: log.name, through: settled, above };
    this.#options.outbox.emit({ kind: "place", subscription: subscription.number, place });
  }

  /** Cursors that found the window full are served in turn. */
  #serveWaiting(subscription: Subscription, now: number): void {
    for (const cursor of subscription.waiting) {
      if (subscription.room <= 0) return;
      subscription.waiting.delete(cursor);
      this.#pump(cursor, now);
    }
  }

  #pump(cursor: Cursor, now: number): void {
    const subscription = this.#owners.get(cursor);
    if (!subscription || (subscription.queue !== undefined && !subscription.isReady)) return;
    if (!subscription.isDraining) while (this.#handOut(subscription, cursor, now));
    else if (!cursor.isSettled) this.#handOutAgain(subscription, cursor, now);
  }

  /** A subscription that drains gets what it had in hand again, and nothing new. */
  #handOutAgain(subscription: Subscription, cursor: Cursor, now: number): void {
    while (cursor.firstBack !== undefined && this.#handOut(subscription, cursor, now));
  }

  #handOut(subscription: Subscription, cursor: Cursor, now: number): boolean {
    const until = cursor.waitsUntil(now);
    if (until !== undefined) {
      this.#options.timers.set(`${RETRY_TIMER}${subscription.number}/${cursor.log.name.tag}`, until);
      return false;
    }
    if (subscription.room <= 0) {
      subscription.waiting.add(cursor);
      return false;
    }
    const before = cursor.open;
    const portion = cursor.take(now, subscription.room);
    subscription.open += cursor.open - before;
    if (!portion) {
      this.#loseExpired(cursor, now);
      return false;
    }
    const batch = cursor.log.find(portion.first)!;
    cursor.handedAt = batch.at;
    this.#options.outbox.emit({ kind: "deliver", subscription: subscription.number, batch, ...portion });
    return true;
  }

  /** What was given back, and is held no more, cannot come again. */
  #loseExpired(cursor: Cursor, now: number): void {
    const number = cursor.firstBack;
    if (number !== undefined && !cursor.log.find(number)) this.#lose(cursor, number, number, now);
  }

  #change(subscription: Subscription, cursor: Cursor, change: () => void): void {
    const before = cursor.open;
    change();
    subscription.open += cursor.open - before;
  }

  #forget(subscription: Subscription, cursor: Cursor, now: number): void {
    const { tag } = cursor.log.name;
    this.#options.groups.left(cursor, now);
    subscription.open -= cursor.open;
    subscription.cursors.delete(tag);
    subscription.waiting.delete(cursor);
    this.#owners.delete(cursor);
    this.#options.timers.clear(`${RETRY_TIMER}${subscription.number}/${tag}`);
    const cursors = this.#byLog.get(tag);
    cursors?.delete(cursor);
    if (cursors?.size === 0) this.#byLog.delete(tag);
  }
}
