/**
 * Where one subscription is in one log: what was handed to the handler, what of it is settled, and what must come again. First
 * deliveries are in order, and nothing is handed out behind a message that failed before that message is settled; what was
 * in hand by then stays there, unless it was given back.
 *
 * In a log that a queue group shares (groups.ts) it passes by what others are to handle, and counts it as settled when they have.
 */
import type { HeldLog } from "../holding/held-log.js";
import { GROUP_SPAN_MAX, MISSED_RANGES_MAX } from "../limits.js";

/** What to hand out next. */
export interface Portion {
  readonly first: number;
  readonly last: number;
  /** From 1 on. */
  readonly attempt: number;
}

interface Failure {
  /** How often it was handed out. */
  readonly attempts: number;
  /** Monotonic milliseconds when it may come again. */
  readonly at: number;
}

interface Range {
  readonly first: number;
  readonly last: number;
}

/** Of a message that a queue group shares: is it this subscription's, another's that is not known to have handled it, or handled? */
export type Standing = "mine" | "elsewhere" | "handled";

export class Cursor {
  readonly log: HeldLog;
  /** The first number that it is owed. */
  readonly first: number;
  /** Undefined where all are this subscription's. */
  readonly #standing: ((number: number) => Standing) | undefined;
  /** All up to here is settled. */
  #settled: number;
  /** Settled ones above. */
  readonly #above = new Set<number>();
  /** Of those, how many `next` has not passed: a saved place brought them. */
  #ahead = 0;
  /** Ranges above `settled` that are lost: nobody will settle them. Few. */
  #lost: Range[] = [];
  /** The next to be handed out for the first time. */
  #next: number;
  /** Handed out before, and not in hand any more: to be handed out again. Ascending. */
  #back: number[] = [];
  readonly #failures = new Map<number, Failure>();
  /** One that failed and is in hand again: those behind it wait. */
  #retried: number | undefined;
  /** Of those that `next` has passed: others are to handle them, and are not known to have. */
  readonly #elsewhere = new Set<number>();
  /** What members hold no more and is looked for elsewhere: not yet, and by now. Ascending. */
  #missed: readonly Range[] = [];
  #sought: readonly Range[] = [];
  /** Unix milliseconds by its publisher's clock: of the newest message that was handed out. */
  handedAt: number | undefined;
  /** The newest message of when it was subscribed to, which it is not owed: it is no loss when nobody holds that any more. */
  courtesy: number | undefined;

  /** Messages up to `settled`, and those above, are not handed out. */
  constructor(log: HeldLog, settled: number, above: Iterable<number> = [], standing?: (number: number) => Standing) {
    this.log = log;
    this.first = settled + 1;
    this.#standing = standing;
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

  /** Is it settled here, or by others? */
  has(number: number): boolean {
    return number <= this.#settled || this.#above.has(number);
  }

  /** Is it in hand, or to be handed out again? */
  isTaken(number: number): boolean {
    return number < this.#next && !this.has(number) && !this.#elsewhere.has(number) && !this.#isLost(number);
  }

  /** What others are to handle and are not known to have. */
  get elsewhere(): Iterable<number> {
    return this.#elsewhere;
  }

  /** How many these are. */
  get elsewhereCount(): number {
    return this.#elsewhere.size;
  }

  /** Messages in hand: handed out and not settled. */
  get open(): number {
    let gone = this.#above.size - this.#ahead + this.#back.length + this.#elsewhere.size;
    for (const { first, last } of this.#lost) gone += Math.max(0, Math.min(last, this.#next - 1) - first + 1);
    return this.#next - 1 - this.#settled - gone;
  }

  /** Nothing is in hand or waits to come again. */
  get isSettled(): boolean {
    return this.open === 0 && this.#back.length === 0;
  }

  /** The first of those that are to be handed out again, when none that failed before it is in hand. */
  get firstBack(): number | undefined {
    return this.#retried === undefined ? this.#back[0] : undefined;
  }

  /** Until when nothing can be handed out, because a message that failed comes first; undefined when nothing hinders. */
  waitsUntil(now: number): number | undefined {
    const at = this.#retried === undefined ? this.#failures.get(this.#back[0] ?? 0)?.at : undefined;
    return at !== undefined && at > now ? at : undefined;
  }

  /** What may be handed out now, of up to so many messages; undefined when nothing. It then counts as in hand. */
  take(now: number, room: number): Portion | undefined {
    if (room <= 0 || this.#retried !== undefined || this.waitsUntil(now) !== undefined) return undefined;
    return this.#back.length > 0 ? this.#takeBack(room) : this.#takeNext(room);
  }

  #takeBack(room: number): Portion | undefined {
    const first = this.#back[0]!;
    const batch = this.log.find(first);
    if (!batch) return undefined;
    const failure = this.#failures.get(first);
    let count = 1;
    if (failure) this.#retried = first;
    else {
      const isNext = (number: number | undefined) => number === first + count && !this.#failures.has(number);
      while (count < room && first + count <= batch.last && isNext(this.#back[count])) count += 1;
    }
    this.#back.splice(0, count);
    return { first, last: first + count - 1, attempt: (failure?.attempts ?? 0) + 1 };
  }

  #takeNext(room: number): Portion | undefined {
    this.#passSettled();
    const batch = this.#next <= this.#end ? this.log.find(this.#next) : undefined;
    if (!batch) return undefined;
    const first = this.#next;
    let last = Math.min(batch.last, this.#end, first + room - 1);
    if (this.#ahead > 0) last = this.#lastBeforeSettled(first, last);
    if (this.#standing) last = this.#lastMine(first, last);
    for (const lost of this.#lost) if (lost.first > first) last = Math.min(last, lost.first - 1);
    this.#next = last + 1;
    return { first, last, attempt: 1 };
  }

  /** Settles what was handed out, within these numbers. */
  settle(first: number, last: number): void {
    const end = Math.min(last, this.#next - 1);
    if (end < first || end <= this.#settled) return;
    this.#forget(first, end);
    if (this.#elsewhere.size === 0 && first <= this.#settled + 1) {
      this.#raise(end);
      return;
    }
    for (let number = Math.max(first, this.#settled + 1); number <= end; number++) {
      if (!this.#isLost(number) && !this.#elsewhere.has(number)) this.#above.add(number);
    }
    this.#absorb();
  }

  /** Another one has handled this. False when that changes nothing: it is settled, in hand, or too far ahead. */
  handledElsewhere(number: number): boolean {
    if (this.has(number) || number > this.#settled + GROUP_SPAN_MAX || this.#isLost(number)) return false;
    if (number >= this.#next) this.#ahead += 1;
    else if (!this.#elsewhere.delete(number)) {
      if (!this.#back.includes(number)) return false;
      this.#forget(number, number);
    }
    this.#above.add(number);
    this.#absorb();
    return true;
  }

  /** What others were to handle is to be handed out here. */
  takeOver(numbers: readonly number[]): void {
    const taken = numbers.filter((number) => this.#elsewhere.delete(number));
    if (taken.length > 0) this.#back = [...this.#back, ...taken].sort((a, b) => a - b);
  }

  /**
   * A message in hand failed and comes again at an instant; those behind it up to `last` are given back as well. How often it was
   * handed out by now, or undefined when it is not in hand.
   */
  fail(number: number, last: number, at: number): number | undefined {
    if (!this.#isInHand(number)) return undefined;
    const attempts = (this.#failures.get(number)?.attempts ?? 0) + 1;
    this.#failures.set(number, { attempts, at });
    if (this.#retried === number) this.#retried = undefined;
    const given: number[] = [];
    for (let next = number; next <= Math.min(last, this.#next - 1); next++) if (this.#isInHand(next)) given.push(next);
    this.#back = [...this.#back, ...given].sort((a, b) => a - b);
    return attempts;
  }

  /** How often a message was handed out and failed. */
  failuresOf(number: number): number {
    return this.#failures.get(number)?.attempts ?? 0;
  }

  /** These are held no more, and may be kept elsewhere: they are lost only when they are not found there. False: nothing is new. */
  miss(first: number, last: number): boolean {
    const fresh = this.#owedOf(first, last).flatMap((range) => without(range, [...this.#missed, ...this.#sought]));
    if (fresh.length > 0) this.#missed = fewer(joined([...this.#missed, ...fresh]));
    return fresh.length > 0;
  }

  get isMissing(): boolean {
    return this.#missed.length > 0 || this.#sought.length > 0;
  }

  /** What was missed by now is being looked for. False: there is nothing of it. */
  seek(): boolean {
    const isWanted = this.#missed.length > 0;
    this.#sought = joined([...this.#sought, ...this.#missed]);
    this.#missed = [];
    return isWanted;
  }

  /** It was looked for, and what was found is held. What was not. */
  notFound(): Range[] {
    const held = this.#sought.flatMap(({ first, last }) => [...this.log.between(first, last)]);
    const gone = this.#sought.flatMap((range) => without(range, held));
    this.#sought = [];
    return gone;
  }

  /** These will not come any more, as far as they are not settled or in hand. What of them this subscription loses. */
  lose(first: number, last: number): Range[] {
    const given = this.#back.filter((number) => number >= first && number <= last);
    for (const number of given) this.settle(number, number);
    this.#passSettled();
    for (const number of this.#elsewhere) if (number >= first && number <= last) this.handledElsewhere(number);
    const from = Math.max(first, this.#next, this.#settled + 1);
    // A saved place knew of these: they are settled, whether they come or not.
    for (const number of this.#above)
      if (number >= from && number <= last && this.#above.delete(number)) this.#ahead -= 1;
    const fresh = from <= last ? without({ first: from, last }, this.#lost) : [];
    const told = [...given.map((number) => ({ first: number, last: number })), ...this.#mineOf(fresh)];
    this.#lost.push(...fresh);
    this.#absorb();
    this.#passSettled();
    return joined(told.flatMap((range) => this.#withoutCourtesy(range)));
  }

  /** What of these this subscription is owed, and does not have in hand. */
  #owedOf(first: number, last: number): Range[] {
    const given = this.#back.filter((number) => number >= first && number <= last);
    const from = Math.max(first, this.#next, this.#settled + 1);
    const settled = this.#ahead > 0 ? this.above.map((number) => ({ first: number, last: number })) : [];
    const fresh = from <= last ? without({ first: from, last }, [...this.#lost, ...settled]) : [];
    const owed = [...given.map((number) => ({ first: number, last: number })), ...this.#mineOf(fresh)];
    return joined(owed.flatMap((range) => this.#withoutCourtesy(range)));
  }

  #withoutCourtesy({ first, last }: Range): Range[] {
    const from = first === this.courtesy ? first + 1 : first;
    return from > last ? [] : [{ first: from, last }];
  }

  /** What of these is this subscription's. Of a long range that a group shares all is told to each of its members. */
  #mineOf(ranges: readonly Range[]): readonly Range[] {
    const standing = this.#standing;
    if (!standing) return ranges;
    return ranges.flatMap(({ first, last }) => {
      if (last - first >= GROUP_SPAN_MAX) return [{ first, last }];
      const numbers = Array.from({ length: last - first + 1 }, (_, index) => first + index);
      return numbers.filter((number) => standing(number) === "mine").map((number) => ({ first: number, last: number }));
    });
  }

  #isInHand(number: number): boolean {
    return this.isTaken(number) && !this.#back.includes(number);
  }

  #isLost(number: number): boolean {
    return this.#lost.some(({ first, last }) => number >= first && number <= last);
  }

  /** They are settled: they do not come again. */
  #forget(first: number, last: number): void {
    if (this.#retried !== undefined && this.#retried >= first && this.#retried <= last) this.#retried = undefined;
    if (this.#back.length > 0) this.#back = this.#back.filter((number) => number < first || number > last);
    for (const number of this.#failures.keys()) if (number >= first && number <= last) this.#failures.delete(number);
  }

  #raise(settled: number): void {
    if (this.#above.size > 0) {
      for (let number = this.#settled + 1; number <= settled; number++) this.#above.delete(number);
    }
    this.#settled = settled;
    this.#absorb();
  }

  #absorb(): void {
    for (;;) {
      const lost = this.#lost.findIndex(({ first }) => first <= this.#settled + 1);
      if (lost >= 0) {
        this.#settled = Math.max(this.#settled, this.#lost[lost]!.last);
        this.#lost.splice(lost, 1);
      } else if (this.#above.size > 0 && this.#above.delete(this.#settled + 1)) {
        this.#settled += 1;
        if (this.#settled >= this.#next) this.#ahead -= 1;
      } else break;
    }
    this.#next = Math.max(this.#next, this.#settled + 1);
  }

  #passSettled(): void {
    for (;;) {
      const lost = this.#lost.find(({ first, last }) => first <= this.#next && last >= this.#next);
      if (lost) this.#next = lost.last + 1;
      else if (this.#ahead > 0 && this.#above.has(this.#next)) {
        this.#next += 1;
        this.#ahead -= 1;
      } else if (!this.#passElsewhere()) return;
    }
  }

  /** Passes the next one when it is another's to handle. */
  #passElsewhere(): boolean {
    if (!this.#standing || this.#next > this.#end) return false;
    const standing = this.#standing(this.#next);
    if (standing === "mine") return false;
    const number = this.#next++;
    if (standing === "elsewhere") this.#elsewhere.add(number);
    else {
      this.#above.add(number);
      this.#absorb();
    }
    return true;
  }

  /** The last that may be handed out by now. */
  get #end(): number {
    return this.#standing ? Math.min(this.log.held, this.#settled + GROUP_SPAN_MAX) : this.log.held;
  }

  #lastMine(first: number, last: number): number {
    let end = first;
    while (end < last && this.#standing!(end + 1) === "mine") end += 1;
    return end;
  }

  #lastBeforeSettled(first: number, last: number): number {
    let end = first;
    while (end < last && !this.#above.has(end + 1)) end += 1;
    return end;
  }
}

/** Ranges in ascending order, those that follow each other as one. */
function joined(ranges: readonly Range[]): Range[] {
  const list: { first: number; last: number }[] = [];
  for (const { first, last } of [...ranges].sort((a, b) => a.first - b.first)) {
    const before = list.at(-1);
    if (before && before.last + 1 === first) before.last = last;
    else list.push({ first, last });
  }
  return list;
}

/** The oldest ones as one when there are too many: what lies between them is looked for as well, and lost only when nobody has it. */
function fewer(ranges: readonly Range[]): readonly Range[] {
  const tooMany = ranges.length - MISSED_RANGES_MAX;
  if (tooMany <= 0) return ranges;
  return [{ first: ranges[0]!.first, last: ranges[tooMany]!.last }, ...ranges.slice(tooMany + 1)];
}

/** What is left of a range when others are cut out of it. */
function without(range: Range, others: readonly Range[]): Range[] {
  let left = [range];
  for (const other of others) {
    left = left.flatMap(({ first, last }) =>
      [
        { first, last: Math.min(last, other.first - 1) },
        { first: Math.max(first, other.last + 1), last },
      ].filter((part) => part.first <= part.last),
    );
  }
  return left.sort((a, b) => a.first - b.first);
}
