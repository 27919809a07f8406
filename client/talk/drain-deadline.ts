/** When a stop no longer waits for what runs. */

/** Milliseconds that a stop waits for what runs: most handlers take less, and supervisors kill after ten and more. */
export const DRAIN_MS = 5_000;
/** A stop that waits longer than an hour is a mistake of units. */
export const DRAIN_MS_MAX = 3_600_000;

/** When work must have ended: the earliest of the instants that were asked for. */
export class DrainDeadline {
  readonly #over = new AbortController();
  #at = Number.POSITIVE_INFINITY;
  #timer: NodeJS.Timeout | undefined;

  /** Fires at the deadline. */
  get signal(): AbortSignal {
    return this.#over.signal;
  }

  /** At most so many milliseconds from now on; 0 fires at once. Asking for more than what is left changes nothing. */
  within(ms: number): void {
    const at = performance.now() + ms;
    if (at >= this.#at) return;
    this.#at = at;
    clearTimeout(this.#timer);
    if (ms === 0) this.#over.abort();
    else this.#timer = setTimeout(() => this.#over.abort(), ms);
  }

  /** Everything has ended: no timer is left, nor made. */
  clear(): void {
    clearTimeout(this.#timer);
    this.#at = Number.NEGATIVE_INFINITY;
  }
}
