/**
 * Is my own loop late? Time in which it was counts for no verdict and no removal (protocol section 4): what looked like
 * others' silence was mine. On a machine where too much starts at once that is more than half of all time, in slices too
 * short for a stall.
 */

/** A loop that comes this much later than it wanted, milliseconds, waits for its turn on a processor, not for a timer. */
const LATE_MS = 20;

export class Lateness {
  #wokeAt = Number.NEGATIVE_INFINITY;

  /**
   * Milliseconds by which an input at `now` is late, when `deadline` was due; 0 within what timers are off by. Of a row of
   * late inputs the first stands for the stall: those after it come as fast as they are read.
   */
  of(deadline: number | undefined, now: number): number {
    const late = deadline === undefined ? 0 : now - Math.max(deadline, this.#wokeAt);
    this.#wokeAt = now;
    return late > LATE_MS ? late : 0;
  }
}
