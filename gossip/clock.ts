/**
 * Two clocks (rule R18). The protocol runs on monotonic time; dates of certificates need wall time, which may be
 * slewed by a time daemon and may step. Small steps are followed; a big one is not believed, and an alarm is raised.
 */
import { CLOCK_TOLERANCE_MS } from "./view/evidence.js";

export class TrustedClock {
  readonly #wallClock: () => number;
  #offset: number | undefined;
  #frozen = false;

  constructor(wallClock: () => number) {
    this.#wallClock = wallClock;
  }

  /** The wall clock steps against the monotonic one by more than certificates tolerate: its dates are not believed. */
  get isFrozen(): boolean {
    return this.#frozen;
  }

  /** Unix time in milliseconds at the monotonic instant `now`, continued from before a step. */
  wall(now: number): number {
    const offset = this.#wallClock() - now;
    this.#offset ??= offset;
    this.#frozen = Math.abs(offset - this.#offset) > CLOCK_TOLERANCE_MS;
    if (!this.#frozen) this.#offset = offset;
    return now + this.#offset;
  }
}
