/** Places for work that costs much: so many at once; the others wait in line for as long as they may. */
import { onAbort } from "../abort.js";

export class Places {
  readonly #max: number;
  readonly #waiting = new Set<() => void>();
  #taken = 0;

  constructor(max: number) {
    this.#max = max;
  }

  /** Does the work once there is a place; not when the signal fires before. */
  async take(signal: AbortSignal, work: () => Promise<void>): Promise<void> {
    while (this.#taken >= this.#max && !signal.aborted) await this.#left(signal);
    if (signal.aborted) return;
    this.#taken += 1;
    try {
      await work();
    } finally {
      this.#taken -= 1;
      const [first] = this.#waiting;
      first?.();
    }
  }

  /** Resolves when it may be one's turn. */
  #left(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const go = () => {
        this.#waiting.delete(go);
        unwatch();
        resolve();
      };
      this.#waiting.add(go);
      const unwatch = onAbort(signal, go);
    });
  }
}
