/** What has come on a lasting stream: each message once, whichever connection brought it, and those that wait for the reader. */
import type { Progress } from "./codec.js";
import { WINDOW } from "./limits.js";
import { weightOf } from "./unacknowledged.js";

/** Null is the end. */
type Come = Uint8Array | null;

export class Incoming {
  #received = 0;
  #taken = 0;
  #waiting: Come[] = [];
  #weight = 0;
  #hasEnded = false;

  get progress(): Progress {
    return { received: this.#received, taken: this.#taken };
  }

  /** Of what waits for the reader. */
  get weight(): number {
    return this.#weight;
  }

  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** `position`: its number. False for what may not come now: out of its turn, after the end, or more than was allowed. */
  add(position: number, come: Come): boolean {
    if (position < this.#received) return true; // Came before, over another connection.
    // A writer begins a message while less than a window is under way.
    if (position > this.#received || this.#hasEnded || this.#weight >= WINDOW) return false;
    this.#received += 1;
    this.#hasEnded = come === null;
    this.#waiting.push(come);
    this.#weight += come === null ? 0 : weightOf(come.length);
    return true;
  }

  /** The next one for the reader; undefined when nothing waits. */
  take(): Come | undefined {
    const come = this.#waiting.shift();
    if (come) {
      this.#weight -= weightOf(come.length);
      this.#taken += weightOf(come.length);
    }
    return come;
  }

  clear(): void {
    this.#waiting = [];
    this.#weight = 0;
  }
}
