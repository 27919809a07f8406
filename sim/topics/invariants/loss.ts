/**
 * T1: what a correct member published is handed to every correct subscription that had resolved before and goes on.
 *
 * A message is owed
 * - while its publisher is up;
 * - when its publisher is down, if `publish` had resolved with a level that means others hold it;
 * - or if a correct subscription that goes on was handed it: what one has, all get.
 * A subscription of a member that stays up resolves. Messages that were published less than `settleMs` before the end are not judged yet. "lost" settles as many messages of its
 * log as it says, and is itself a violation where retention cannot have ended.
 */

import type { Violation } from "../../invariants/violation.js";
import {
  type History,
  type LogKey,
  type Matches,
  type Published,
  publisherOf,
  type Subscribed,
  type Told,
} from "../record/history.js";

export interface LossOptions {
  readonly matches: Matches;
  /** Milliseconds that a message may take, repair included, once faults have stopped. */
  readonly settleMs: number;
  /** Milliseconds that `subscribe` may take. */
  readonly subscribeMs: number;
  /** Milliseconds for which a message is kept; "lost" before it is a violation. 0: its bytes may have ended it at any time. */
  readonly retentionMs: number;
}

export function losses(history: History, options: LossOptions): Violation[] {
  const { fates, subscriptions } = history;
  const going = subscriptions.filter((subscription) => goesOn(history, subscription));
  const judged = going
    .filter(({ queue }) => queue === undefined)
    .map((subscription) => allLivesOf(subscription, history));
  const had = new Set(going.flatMap(({ told }) => told.filter(isHanded).map(nameOf)));
  const owed = history.published.filter((message) => isOwed(history, message, had, options.settleMs));
  return [
    ...unresolved(history, options),
    ...judged.flatMap((subscription) => {
      const name = fates[subscription.member]!.name;
      const say = (text: string): Violation => ({ invariant: "T1", at: history.end, member: name, text });
      const words = [...missing(subscription, owed, options)].map(([log, texts]) => say(`${log}: ${texts}`));
      return [...words, ...falselyLost(subscription, history, options).map(say)];
    }),
  ];
}

function unresolved({ fates, subscriptions, end }: History, { subscribeMs }: LossOptions): Violation[] {
  return subscriptions.flatMap(({ member, pattern, at, resolvedAt, endedAt }) => {
    const { isCorrect, downAt, name } = fates[member]!;
    if (!isCorrect || downAt !== undefined || resolvedAt !== undefined || endedAt !== undefined) return [];
    if (at + subscribeMs > end) return [];
    return [{ invariant: "T1", at: end, member: name, text: `asked for ${pattern}, and subscribe did not resolve` }];
  });
}

/**
 * A durable subscription of a member that came back: it is owed what came since its first life began, and has what any of its lives
 * acknowledged.
 */
function allLivesOf(last: Subscribed, { fates, subscriptions }: History): Subscribed {
  if (!last.isDurable) return last;
  const { id } = fates[last.member]!;
  const isEarlier = ({ isDurable, pattern, at, member }: Subscribed) =>
    isDurable === true && pattern === last.pattern && at < last.at && fates[member]!.id === id;
  const earlier = subscriptions.filter(isEarlier);
  const told = earlier.flatMap((one) => one.told.flatMap(asHanded));
  const resolvedAt = earlier.find((one) => one.resolvedAt !== undefined)?.resolvedAt ?? last.resolvedAt;
  return { ...last, resolvedAt, told: [...told, ...last.told] };
}

function asHanded(event: Told): Told[] {
  return event.kind === "acknowledged"
    ? [{ ...event, kind: "handed", digest: "" }]
    : event.kind === "lost"
      ? [event]
      : [];
}

/** How many messages one subscription misses of each log, in words. */
function missing(subscription: Subscribed, owed: readonly Published[], { matches }: LossOptions): Map<LogKey, string> {
  const { pattern, resolvedAt, told } = subscription;
  const handed = new Set(told.filter(isHanded).map(nameOf));
  const gaps = new Map<LogKey, number[]>();
  for (const message of owed) {
    if (message.at <= resolvedAt! || !matches(pattern, message.topic) || handed.has(nameOf(message))) continue;
    gaps.set(message.log, [...(gaps.get(message.log) ?? []), message.number]);
  }
  for (const event of told) {
    const gap = event.kind === "lost" ? gaps.get(event.log) : undefined;
    if (event.kind === "lost" && gap) gap.splice(0, event.count);
  }
  const left = [...gaps].filter(([, gap]) => gap.length > 0);
  return new Map(left.map(([log, gap]) => [log, `was not handed ${gap.length} messages, the first is ${gap[0]}`]));
}

/** What it was told of as lost, although nothing that is so old was ever published there. Liars may say that theirs is. */
function falselyLost({ told }: Subscribed, { fates, published }: History, { retentionMs }: LossOptions): string[] {
  if (retentionMs === 0) return [];
  const correct = new Set(fates.filter(({ isCorrect }) => isCorrect).map(({ id }) => id));
  return told.flatMap((event) => {
    if (event.kind !== "lost" || !correct.has(publisherOf(event.log))) return [];
    const isEnded = ({ log, at }: Published) => log === event.log && event.at - at >= retentionMs;
    if (published.filter(isEnded).length >= event.count) return [];
    return [`was told that ${event.count} of ${event.log} are lost, before their retention had ended`];
  });
}

export function goesOn({ fates }: History, { member, resolvedAt, endedAt }: Subscribed): boolean {
  const { isCorrect, downAt } = fates[member]!;
  return isCorrect && downAt === undefined && resolvedAt !== undefined && endedAt === undefined;
}

export function isOwed(
  { fates, end }: History,
  message: Published,
  had: ReadonlySet<string>,
  settleMs: number,
): boolean {
  const { isCorrect, downAt } = fates[message.member]!;
  if (!isCorrect || message.at + settleMs > end) return false;
  const isHeld = message.safeAt !== undefined && message.level !== "none";
  return downAt === undefined || isHeld || had.has(nameOf(message));
}

export function isHanded({ kind }: { readonly kind: string }): boolean {
  return kind === "handed";
}

export function nameOf(message: object): string {
  const { log, number } = message as { readonly log: LogKey; readonly number: number };
  return `${log} ${number}`;
}
