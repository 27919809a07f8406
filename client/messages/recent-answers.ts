/** The last answers of one link, as they were encoded: they may have been on their way when the link was lost. */

/** Answers kept, and their bytes: what a link carries in some round trips. */
const ANSWERS_MAX = 256;
const BYTES_MAX = 256 * 1024;

export class RecentAnswers {
  readonly #byId = new Map<number, Uint8Array>();
  #bytes = 0;

  /** Each id once. */
  keep(id: number, message: Uint8Array): void {
    if (message.length > BYTES_MAX) return;
    this.#byId.set(id, message);
    this.#bytes += message.length;
    while (this.#byId.size > ANSWERS_MAX || this.#bytes > BYTES_MAX) this.#dropOldest();
  }

  get(id: number): Uint8Array | undefined {
    return this.#byId.get(id);
  }

  #dropOldest(): void {
    for (const [id, { length }] of this.#byId) {
      this.#byId.delete(id);
      this.#bytes -= length;
      return;
    }
  }
}
