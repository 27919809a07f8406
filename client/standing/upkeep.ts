/** A member's housekeeping, about once a second: idle links, known members to disk when they have changed, and the like. */

/** Between two looks, milliseconds. */
const UPKEEP_MS = 1000;

export class Upkeep {
  readonly #look: () => void;
  #timer: NodeJS.Timeout | undefined;

  constructor(look: () => void) {
    this.#look = look;
  }

  /** `chance` in [0, 1): members that start together in one process do not all look at one moment. */
  start(chance: number): void {
    this.#next(UPKEEP_MS * chance);
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  #next(ms: number): void {
    this.#timer = setTimeout(() => {
      this.#next(UPKEEP_MS);
      this.#look();
    }, ms).unref();
  }
}
