/**
 * Whose messages are kept when memory is full. Subscriptions come in the order of how long what they have not acknowledged waits,
 * those that keep up first: what these are owed is kept up to a quarter of the retention each, and half of it in all. So there
 * is always room for what is new, however many are slow; who is slow loses its oldest messages, and is told.
 */
import type { Subscription } from "./subscription.js";

/** Of the retention, what is kept for one subscription, and for all of them. */
const SHARE_OF_ONE = 0.25;
const SHARE_OF_ALL = 0.5;
/** Milliseconds for which the order holds, for each so many places in logs: to count walks all of them. */
const HOLDS_MS = 100;
const PLACES = 10_000;

interface Owed {
  readonly subscription: Subscription;
  readonly bytes: number;
  /** When the first of it came. */
  readonly since: number;
}

export class Standing {
  readonly #all: () => Iterable<Subscription>;
  #behind: ReadonlySet<Subscription> = new Set();
  #until = Number.NEGATIVE_INFINITY;

  constructor(all: () => Iterable<Subscription>) {
    this.#all = all;
  }

  /** Is what it is owed given up when room is needed? `bytesMax`: of the retention. */
  isBehind(subscription: Subscription, bytesMax: number, now: number): boolean {
    if (now >= this.#until) this.#count(bytesMax, now);
    return this.#behind.has(subscription);
  }

  #count(bytesMax: number, now: number): void {
    let places = 0;
    const owed: Owed[] = [];
    for (const subscription of this.#all()) {
      places += subscription.cursors.size;
      const one = owedTo(subscription, now);
      if (one.bytes > 0) owed.push(one);
    }
    this.#behind = behind(owed, bytesMax);
    this.#until = now + HOLDS_MS * Math.max(1, places / PLACES);
  }
}

function owedTo(subscription: Subscription, now: number): Owed {
  let [bytes, since] = [0, now];
  for (const { log, settled } of subscription.cursors.values()) {
    if (settled >= log.held) continue;
    bytes += log.bytesAfter(settled);
    since = Math.min(since, log.entry(settled + 1)?.at ?? now);
  }
  return { subscription, bytes, since };
}

function behind(owed: readonly Owed[], bytesMax: number): ReadonlySet<Subscription> {
  const left = new Set<Subscription>();
  let kept = 0;
  for (const { subscription, bytes } of owed.toSorted((a, b) => b.since - a.since || a.bytes - b.bytes)) {
    if (bytes > SHARE_OF_ONE * bytesMax || kept + bytes > SHARE_OF_ALL * bytesMax) left.add(subscription);
    else kept += bytes;
  }
  return left;
}
