/**
 * What this member subscribes to, and where each subscription begins in each log.
 *
 * `subscribe` resolves when the interest has spread and the heads of logs were asked of others in the topic. A head that was seen
 * before that is older than all that is owed, so a subscription begins behind the newest one seen. A publisher that hears
 * of the interest says where the member's share begins, and that is final. A log that shows up later, without either, began later
 * or is one that nobody told of: its publisher is asked, and when it does not answer, all of it is owed.
 */
import type { MemberId, Timers } from "../../rings/index.js";
import type { Outbox, SubscriptionNumber } from "../effects.js";
import type { HeldLog } from "../holding/held-log.js";
import type { Shelf } from "../holding/shelf.js";
import { encodeInterests, type Interest } from "../interest.js";
import { ASKED_MAX, SUBSCRIPTIONS_MAX } from "../limits.js";
import type { Subscribed, SubscribeOptions } from "../machine-options.js";
import { groupProblem, matches, patternProblem } from "../names.js";
import type { LogTag } from "../records/log.js";
import type { Settings } from "../settings.js";
import type { Audience } from "../spreading/audience.js";
import type { Post } from "../spreading/post.js";
import type { Deliveries } from "./deliveries.js";
import type { Groups } from "./groups.js";
import { type Membership, together } from "./rendezvous.js";
import { Subscription } from "./subscription.js";

/** Begin the names of timers: the end of a baseline, by subscription, and of waiting for a start, by tag. */
export const BASELINE_TIMER = "baseline/";
export const START_TIMER = "start/";
/** ... and of the end of one that leaves its queue group, by subscription. */
export const LEAVE_TIMER = "leave/";
const FOR_EVER = Number.POSITIVE_INFINITY;
/**
 * Of the time for a baseline, what an interest has to spread before its member counts in a queue group, and before it counts no
 * more: all others go by the same instant, and should know it by then.
 */
const NOTICE = 2;

export interface SubscriberOptions {
  readonly settings: Settings;
  readonly random: () => number;
  readonly audience: Audience;
  readonly shelf: Shelf;
  readonly deliveries: Deliveries;
  readonly groups: Groups;
  readonly post: Post;
  readonly timers: Timers;
  readonly outbox: Outbox;
  /** Unix milliseconds. */
  readonly wall: (now: number) => number;
  /** A log begins here, or more of it is owed: what is missing may be asked for. */
  readonly onBegun: (log: HeldLog, now: number) => void;
}

export class Subscriber {
  readonly #options: SubscriberOptions;
  #next: SubscriptionNumber = 1;
  /** Of the last interest that was told. */
  #number = 0;
  #spread = 0;
  #told = "[]";
  /** The interest that each subscription waits for. */
  readonly #waitsFor = new Map<Subscription, number>();
  /** Members whose heads a subscription waits for. */
  readonly #asked = new Map<Subscription, Set<MemberId>>();

  constructor(options: SubscriberOptions) {
    this.#options = options;
  }

  /** Throws RangeError on options out of range: a programmer's error. */
  subscribe(pattern: string, options: SubscribeOptions, now: number): Subscribed {
    if (patternProblem(pattern) !== undefined) return { ok: false, reason: "pattern-invalid" };
    if (options.queue !== undefined && groupProblem(options.queue) !== undefined) {
      return { ok: false, reason: "pattern-invalid" };
    }
    const { deliveries } = this.#options;
    if (deliveries.size >= SUBSCRIPTIONS_MAX) return { ok: false, reason: "too-many-subscriptions" };
    const subscription = new Subscription(this.#next, pattern, options);
    if (options.queue !== undefined) {
      subscription.since = this.#options.wall(now) + this.#noticeMs;
      subscription.readyAt = now + this.#noticeMs;
    }
    deliveries.add(subscription);
    if (!(encodeInterests(this.#interests()) instanceof Uint8Array)) {
      deliveries.cancel(subscription);
      return { ok: false, reason: "too-many-subscriptions" };
    }
    this.#next += 1;
    this.#tellInterest();
    for (const place of options.places ?? []) this.#resume(subscription, place, now);
    this.#waitsFor.set(subscription, this.#number);
    if (this.#spread >= this.#number) this.#takeBaseline(subscription, now);
    return { ok: true, subscription: subscription.number };
  }

  /** Nothing more comes for it. */
  ended(subscription: Subscription): void {
    this.#options.timers.clear(LEAVE_TIMER + subscription.number);
    this.#withdraw(subscription);
  }

  /** It takes nothing new, and ends when what it has is settled. */
  drain(subscription: Subscription, now: number): void {
    const { groups, deliveries, timers, settings, wall } = this.#options;
    if (subscription.until !== undefined || subscription.isDraining) return;
    const isLeaving = subscription.isReady && groups.isShared(subscription);
    subscription.until = wall(now) + (isLeaving ? this.#noticeMs : 0);
    groups.changedOwn(subscription, now);
    if (isLeaving) {
      this.#tellInterest();
      timers.set(LEAVE_TIMER + subscription.number, now + this.#noticeMs + settings.baselineMs);
    } else {
      deliveries.drain(subscription, now);
      this.#withdraw(subscription);
    }
  }

  /** All others of the group know that it leaves, and what was published before is there. */
  leaveDue(number: SubscriptionNumber, now: number): void {
    const subscription = this.#options.deliveries.get(number);
    if (subscription) this.#options.deliveries.drain(subscription, now);
  }

  /** It is told to others no more. */
  #withdraw(subscription: Subscription): void {
    this.#waitsFor.delete(subscription);
    this.#asked.delete(subscription);
    this.#options.timers.clear(BASELINE_TIMER + subscription.number);
    this.#tellInterest();
    for (const log of this.#options.shelf.logs()) {
      if (!log.isMine && log.start !== undefined && !this.#options.deliveries.wants(log.name.topic)) log.end();
    }
  }

  /** Milliseconds after which all should know what is told now. */
  get #noticeMs(): number {
    return NOTICE * this.#options.settings.baselineMs;
  }

  /** My interest of this number, and those before it, have spread. */
  spread(number: number, now: number): void {
    this.#spread = Math.max(this.#spread, Math.min(number, this.#number));
    for (const [subscription, wanted] of this.#waitsFor) {
      if (wanted <= this.#spread) this.#takeBaseline(subscription, now);
    }
  }

  /** A member has told the heads that it was asked for, and they are checked. */
  answered(from: MemberId, now: number): void {
    for (const [subscription, asked] of this.#asked) {
      if (asked.delete(from) && asked.size === 0) this.#ready(subscription, now);
    }
  }

  /** Another log, or one of a topic that was not wanted before. */
  appeared(log: HeldLog, now: number): void {
    const { deliveries, timers, post, audience, settings } = this.#options;
    if (log.isMine) {
      this.followMine(log);
      return;
    }
    if (log.start !== undefined) {
      this.#followAll(log, log.start - 1);
      return;
    }
    if (log.oldest?.batch.first === 1) {
      this.begin(log, 1, now);
      return;
    }
    const name = START_TIMER + log.name.tag;
    if (timers.has(name) || !deliveries.wants(log.name.topic)) return;
    timers.set(name, now + settings.baselineMs);
    if (audience.isLive(log.name.publisher)) {
      post.packet([log.name.publisher], { kind: "ask", patterns: [log.name.topic] });
    }
  }

  /** A log of mine begins: my own subscriptions have all of it. */
  followMine(log: HeldLog): void {
    this.#followAll(log, log.held);
  }

  /** A log comes from elsewhere that nothing here follows: it belongs to those for whom it comes, and to no others. */
  recovering(log: HeldLog, first: number): void {
    if (log.start === undefined) log.begin(first);
    for (const subscription of this.#options.deliveries.all()) {
      if (subscription.isRecovering && matches(subscription.pattern, log.name.topic))
        this.#follow(subscription, log, first - 1);
    }
  }

  /** The publisher says where my share begins. A log that has begun here stays as it is. */
  begin(log: HeldLog, start: number, now: number): void {
    this.#options.timers.clear(START_TIMER + log.name.tag);
    if (log.start === undefined) {
      log.begin(this.#isOwedAll(log) ? 1 : this.#isLastWanted(log) ? Math.max(1, start - 1) : start);
      this.#followAll(log, start - 1);
    }
    log.show(start - 1);
    this.#options.onBegun(log, now);
  }

  /** Nobody told where my share of the log begins: it is all that there is. The name is a timer's, without its beginning. */
  startDue(tag: LogTag, now: number): void {
    const log = this.#options.shelf.get(tag);
    if (log && log.start === undefined && this.#options.deliveries.wants(log.name.topic)) this.begin(log, 1, now);
  }

  /** The time for a baseline is over. */
  baselineDue(number: SubscriptionNumber, now: number): void {
    const subscription = this.#options.deliveries.get(number);
    if (subscription && !subscription.isReady) this.#ready(subscription, now);
  }

  #takeBaseline(subscription: Subscription, now: number): void {
    this.#waitsFor.delete(subscription);
    const asked = this.#partners(subscription.pattern);
    if (asked.length === 0) {
      this.#ready(subscription, now);
      return;
    }
    this.#asked.set(subscription, new Set(asked));
    this.#options.post.packet(asked, { kind: "ask", patterns: [subscription.pattern] });
    this.#options.timers.set(BASELINE_TIMER + subscription.number, now + this.#options.settings.baselineMs);
  }

  /** Others that hold what matches: some of those that subscribe to it, chosen such that a liar cannot foresee it. */
  #partners(pattern: string): MemberId[] {
    const { audience, random } = this.#options;
    const alike = audience.overlapping(pattern);
    while (alike.length > ASKED_MAX) alike.splice(Math.floor(random() * alike.length), 1);
    return alike;
  }

  #ready(subscription: Subscription, now: number): void {
    const { shelf, deliveries, timers, outbox } = this.#options;
    timers.clear(BASELINE_TIMER + subscription.number);
    this.#asked.delete(subscription);
    if (subscription.readyAt > now) {
      // From then on it takes part in its group.
      timers.set(BASELINE_TIMER + subscription.number, subscription.readyAt);
      return;
    }
    outbox.emit({ kind: "subscribed", subscription: subscription.number });
    for (const log of shelf.logs()) {
      if (!matches(subscription.pattern, log.name.topic)) continue;
      if (log.isMine) this.#follow(subscription, log, log.held);
      else if (subscription.isResumed) this.#resumeAll(subscription, log, now);
      else if (log.start !== undefined) this.#follow(subscription, log, log.held);
      else this.begin(log, Math.min(log.oldest?.batch.first ?? log.top + 1, log.top + 1), now);
    }
    deliveries.ready(subscription, now);
  }

  #resume(subscription: Subscription, place: NonNullable<SubscribeOptions["places"]>[number], now: number): void {
    const { shelf, deliveries } = this.#options;
    const log = shelf.open(place.log, now);
    if (log.start === undefined || log.start > place.through + 1) log.begin(place.through + 1);
    deliveries.follow(subscription, log, place.through, place.above);
    this.#options.onBegun(log, now);
  }

  /** A log in which it had no place: it began while this member was away. */
  #resumeAll(subscription: Subscription, log: HeldLog, now: number): void {
    if (subscription.cursors.has(log.name.tag)) return;
    if (log.start === undefined || log.start > 1) log.begin(1);
    this.#follow(subscription, log, 0);
    this.#options.onBegun(log, now);
  }

  #isOwedAll(log: HeldLog): boolean {
    for (const { isResumed, isDraining } of this.#options.deliveries.on(log.name.topic)) {
      if (isResumed && !isDraining) return true;
    }
    return false;
  }

  #isLastWanted(log: HeldLog): boolean {
    for (const { isLast, pattern, isDraining } of this.#options.deliveries.all()) {
      if (isLast && !isDraining && matches(pattern, log.name.topic)) return this.#isNewestLife(log);
    }
    return false;
  }

  /** Has the publisher no later life with a message on the topic? */
  #isNewestLife({ name }: HeldLog): boolean {
    for (const other of this.#options.shelf.logsOf(name.publisher)) {
      if (other.name.topic === name.topic && other.name.life > name.life && other.top > 0) return false;
    }
    return true;
  }

  #followAll(log: HeldLog, settled: number): void {
    for (const subscription of this.#options.deliveries.on(log.name.topic)) {
      if (subscription.isDraining) continue;
      this.#follow(subscription, log, subscription.isResumed && !log.isMine ? 0 : settled);
    }
  }

  /**
   * Where a durable one begins is its first place: after a restart it is owed no more than that. One that wants the last value
   * begins one message earlier.
   */
  #follow(subscription: Subscription, log: HeldLog, settled: number): void {
    if (subscription.cursors.has(log.name.tag)) return;
    const isThere = settled > 0 && (settled > log.held || log.find(settled) !== undefined);
    const isWithLast = subscription.isLast && isThere && this.#isNewestLife(log);
    const cursor = this.#options.deliveries.follow(subscription, log, isWithLast ? settled - 1 : settled);
    if (isWithLast) cursor.courtesy = settled;
    const { settled: through, above } = cursor;
    if (!subscription.isDurable || through === 0) return;
    const place = { log: log.name, through, above };
    this.#options.outbox.emit({ kind: "place", subscription: subscription.number, place });
  }

  /** Those of one pattern and group are one: it takes part as soon, and as long, as any of them. */
  #interests(): Interest[] {
    const plain = new Map<string, Interest>();
    const shared = new Map<string, Membership & { readonly pattern: string; readonly queue: string }>();
    for (const { pattern, queue, isDraining, since, until = FOR_EVER } of this.#options.deliveries.all()) {
      const key = `${pattern} ${queue}`;
      if (queue !== undefined) shared.set(key, { pattern, queue, ...together(shared.get(key), { since, until }) });
      else if (!isDraining) plain.set(pattern, { pattern });
    }
    return [
      ...plain.values(),
      ...Array.from(shared.values(), ({ until, ...rest }) => ({ ...rest, ...(until < FOR_EVER && { until }) })),
    ];
  }

  #tellInterest(): void {
    const interests = this.#interests();
    const told = JSON.stringify(interests.map((each) => [each.pattern, each.queue, each.since, each.until]).sort());
    if (told === this.#told) return;
    this.#told = told;
    this.#number += 1;
    this.#options.outbox.emit({ kind: "interest", number: this.#number, interests });
  }
}
