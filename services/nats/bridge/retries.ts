/**
 * Messages of NATS core that the overlay has not taken. NATS hands them out once, so nobody else keeps them for another try:
 * here they are, bounded in number, in bytes and in tries.
 */

/** Tries of one message, the first one counted: about two minutes, as each publish waits for others as well. */
export const TRIES_MAX = 10;
/** Messages that wait for another try, and their bytes: those of one pause, when all that was under way has failed. */
export const RETRIES_MAX = 65_536;
export const RETRIES_BYTES_MAX = 64 * 1024 * 1024;

export class Retries {
  readonly #waiting = new Set<() => void>();
  readonly #later: (run: () => void, ms: number) => () => void;
  #bytes = 0;
  #isClosed = false;

  constructor(later: (run: () => void, ms: number) => () => void) {
    this.#later = later;
  }

  /** False: it has had all its tries, or there is no room, and it is lost. */
  add({ tries, bytes }: { readonly tries: number; readonly bytes: number }, run: () => void, ms: number): boolean {
    if (this.#isClosed || tries >= TRIES_MAX) return false;
    if (this.#waiting.size >= RETRIES_MAX || this.#bytes + bytes > RETRIES_BYTES_MAX) return false;
    this.#bytes += bytes;
    const cancel = this.#later(() => {
      this.#waiting.delete(cancel);
      this.#bytes -= bytes;
      run();
    }, ms);
    this.#waiting.add(cancel);
    return true;
  }

  /** Nothing is tried again. How many waited. */
  close(): number {
    this.#isClosed = true;
    const { size } = this.#waiting;
    for (const cancel of this.#waiting) cancel();
    this.#waiting.clear();
    this.#bytes = 0;
    return size;
  }
}
