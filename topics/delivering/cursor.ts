/**
 * Where one subscription is in one log: what was handed to the handler, what of it is settled, and what must come again. First
 * deliveries are in order, and nothing behind a message that failed is handed out before that message is settled.
 */
import type { HeldLog } from "../holding/held-log.js";

/** A message that failed. */
export interface Retry {
  readonly number: number;
  /** How often it was handed out. */
  readonly attempts: number;
  /** Monotonic milliseconds. */
  readonly at: number;
}

/** What to hand out next. */
export interface Portion {
  readonly first: number;
  readonly last: number;
  readonly attempt: number;
}

export class Cursor {
  readonly log: HeldLog;
  /** All up to here is settled. */
  #settled: number;
  /** Settled ones above. */
  readonly #above = new Set<number>();
  /** Of those, how many are not behind `next`: they were handed out before it was set back. */
  #ahead = 0;
  /** Ranges above `settled` that are lost: nobody will settle them. Ascending, few. */
  #lost: { readonly first: number; readonly last: number }[] = [];
  /** The next to be handed out. */
  #next: number;
  #retry: Retry | undefined;

  /** Messages up to `settled`, and those above, are not handed out. */
  constructor(log: HeldLog, settled: number, above: Iterable<number> = []) {
    this.log = log;
    this.#settled = settled;
    this.#next = settled + 1;
    for (const number of above) if (number > settled) this.#above.add(number);
    this.#ahead = this.#above.size;
    this.#absorb();
  }

  get settled(): number {
    return this.#settled;
  }

  /** Settled above that, ascending. */
  get above(): number[] {
    return [...this.#above].sort((a, b) => a - b);
  }

  get next(): number {
    return this.#next;
  }

  get retry(): Retry | undefined {
    return this.#retry;
  }

  /** Messages handed out and not settled. */
  get open(): number {
    let lost = 0;
    for (const { first, last } of this.#lost) lost += Math.max(0, Math.min(last, this.#next - 1) - first + 1);
    return this.#next - 1 - this.#settled - (this.#above.size - this.#ahead) - lost;
  }

  /** Nothing is handed out or waits to come again. */
  get isSettled(): boolean {
    return this.open === 0 && this.#retry === undefined;
  }

  /** What may be handed out now, of up to so many messages; undefined when nothing. It then counts as handed out. */
  take(now: number, room: number): Portion | undefined {
    if (room <= 0) return undefined;
    if (this.#retry) return this.#takeRetry(now);
    this.#passSettled();
    const batch = this.#next <= this.log.held ? this.log.find(this.#next) : undefined;
    if (!batch) return undefined;
    const first = this.#next;
    let last = Math.min(batch.last, this.log.held, first + room - 1);
    if (this.#ahead > 0) last = this.#lastBeforeSettled(first, last);
    this.#next = last + 1;
    return { first, last, attempt: 1 };
  }

  #takeRetry(now: number): Portion | undefined {
    const { number, attempts, at } = this.#retry!;
    // Already out when `next` has passed it.
    if (this.#next > number || at > now) return undefined;
    this.#next = number + 1;
    return { first: number, last: number, attempt: attempts + 1 };
  }

  /** Settles what was handed out, within these numbers. False when nothing was. */
  settle(first: number, last: number): boolean {
    const end = Math.min(last, Math.max(this.#next - 1, this.#retry?.number ?? 0));
    const before = this.#settled;
    if (first <= this.#settled + 1) {
      if (end <= this.#settled) return false;
      this.#raise(end);
    } else {
      for (let number = first; number <= end; number++) this.#addAbove(number);
    }
    const { number } = this.#retry ?? { number: Number.POSITIVE_INFINITY };
    if (number <= this.#settled || this.#above.has(number)) this.#retry = undefined;
    return this.#settled > before || first <= end;
  }

  /** The message failed and comes again at an instant; those behind it as well, as far as they are not settled. */
  fail(number: number, at: number): Retry | undefined {
    if (number <= this.#settled || number >= this.#next || this.#above.has(number)) return undefined;
    const attempts = this.#retry?.number === number ? this.#retry.attempts + 1 : 1;
    // One that fails before another that waits goes first; that one is handed out again behind it, from its first attempt on.
    this.#retry = { number, attempts, at };
    this.#setNext(number);
    return this.#retry;
  }

  /** These will not come any more, as far as they are not settled or in the handler's hands. What of them is lost, or undefined. */
  lose(first: number, last: number): { readonly first: number; readonly last: number } | undefined {
    const range = { first: Math.max(first, this.#next, this.#settled + 1), last };
    if (range.first > last) return undefined;
    if (this.#retry && this.#retry.number >= range.first && this.#retry.number <= last) this.#retry = undefined;
    this.#lost.push(range);
    this.#absorb();
    this.#passSettled();
    return range;
  }

  #raise(settled: number): void {
    if (this.#above.size > 0) {
      for (let number = this.#settled + 1; number <= settled; number++) this.#removeAbove(number);
    }
    this.#settled = settled;
    this.#absorb();
  }

  #absorb(): void {
    for (;;) {
      const [lost] = this.#lost;
      if (lost && lost.first <= this.#settled + 1) {
        this.#settled = Math.max(this.#settled, lost.last);
        this.#lost.shift();
      } else if (this.#above.size > 0 && this.#above.has(this.#settled + 1)) {
        this.#settled += 1;
        this.#removeAbove(this.#settled);
      } else break;
    }
    this.#next = Math.max(this.#next, this.#settled + 1);
  }

  #addAbove(number: number): void {
    if (this.#above.has(number)) return;
    this.#above.add(number);
    if (number >= this.#next) this.#ahead += 1;
  }

  #removeAbove(number: number): void {
    if (this.#above.delete(number) && number >= this.#next) this.#ahead -= 1;
  }

  #setNext(next: number): void {
    this.#next = next;
    this.#ahead = 0;
    for (const number of this.#above) if (number >= next) this.#ahead += 1;
  }

  #passSettled(): void {
    for (;;) {
      const lost = this.#lost.find(({ first, last }) => first <= this.#next && last >= this.#next);
      if (lost) this.#next = lost.last + 1;
      else if (this.#ahead > 0 && this.#above.has(this.#next)) {
        this.#next += 1;
        this.#ahead -= 1;
      } else return;
    }
  }

  #lastBeforeSettled(first: number, last: number): number {
    let end = first;
    while (end < last && !this.#above.has(end + 1)) end += 1;
    return end;
  }
}
