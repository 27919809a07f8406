/**
 * Attempts that race (RFC 8305, section 5): each begins a moment after the one before, or at once when one fails; the
 * first that succeeds wins, and the others are cut.
 */
import { onAbort } from "../abort.js";
import { DialError } from "../transports/dial-error.js";

/** Milliseconds between two attempts: RFC 8305, section 8, "Connection Attempt Delay". */
export const STAGGER_MS = 250;

export interface RacePace {
  /** So many begin together; 1 by default. */
  readonly atOnce?: number | undefined;
  /** Milliseconds between two of the others; STAGGER_MS by default. */
  readonly staggerMs?: number | undefined;
}

/** Its signal fires when another one has won or time is up. It tells by itself why it failed. */
export type Runner<T> = (signal: AbortSignal) => Promise<T>;

/** Adds a runner. Those of a lower rank begin first, those of one rank as they came. */
export type Add<T> = (runner: Runner<T>, rank: number) => void;

/**
 * The first result of the runners that `feed` adds until its promise resolves, which it always does; undefined when all
 * have failed. Rejects with the signal's reason when that fires. The signals of those that still run fire then.
 */
export function race<T>(
  signal: AbortSignal,
  feed: (add: Add<T>) => Promise<void>,
  { atOnce = 1, staggerMs = STAGGER_MS }: RacePace = {},
): Promise<{ readonly value: T } | undefined> {
  return new Promise((resolve, reject) => {
    const running = new Race<T>(atOnce, staggerMs, (value) => {
      unwatch();
      resolve(value);
    });
    const unwatch = onAbort(signal, () => {
      running.cut(signal.reason);
      reject(signal.reason);
    });
    void feed((runner, rank) => running.add(runner, rank)).finally(() => running.complete());
  });
}

class Race<T> {
  readonly #finish: (won: { readonly value: T } | undefined) => void;
  readonly #waiting: { readonly runner: Runner<T>; readonly rank: number }[] = [];
  readonly #running = new Set<AbortController>();
  #timer: NodeJS.Timeout | undefined;
  #isComplete = false;
  #isOver = false;
  /** How many more begin without waiting for the one before. */
  #free: number;
  readonly #staggerMs: number;

  constructor(atOnce: number, staggerMs: number, finish: (won: { readonly value: T } | undefined) => void) {
    this.#free = atOnce;
    this.#staggerMs = staggerMs;
    this.#finish = finish;
  }

  add(runner: Runner<T>, rank: number): void {
    if (this.#isOver) return;
    this.#waiting.push({ runner, rank });
    this.#waiting.sort((a, b) => a.rank - b.rank);
    if (this.#timer === undefined || this.#free > 0) this.#startNext();
  }

  /** No further runner will come. */
  complete(): void {
    this.#isComplete = true;
    this.#endIfAllFailed();
  }

  cut(reason: unknown): void {
    this.#isOver = true;
    clearTimeout(this.#timer);
    for (const own of this.#running) own.abort(reason);
    this.#running.clear();
  }

  #startNext(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const next = this.#waiting.shift();
    if (next === undefined) {
      this.#endIfAllFailed();
      return;
    }
    this.#free -= 1;
    this.#timer = setTimeout(() => this.#startNext(), this.#staggerMs);
    void this.#run(next.runner);
  }

  async #run(runner: Runner<T>): Promise<void> {
    const own = new AbortController();
    this.#running.add(own);
    try {
      const value = await runner(own.signal);
      this.#running.delete(own);
      this.#end({ value });
    } catch {
      this.#running.delete(own);
      if (!this.#isOver) this.#startNext();
    }
  }

  #endIfAllFailed(): void {
    if (this.#isComplete && this.#waiting.length === 0 && this.#running.size === 0) this.#end(undefined);
  }

  #end(won: { readonly value: T } | undefined): void {
    if (this.#isOver) return;
    this.cut(new DialError("cancelled", "A slower attempt"));
    this.#finish(won);
  }
}
