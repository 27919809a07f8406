/** What comes up while somebody iterates over it. */

export class Queue<T> implements AsyncIterable<T> {
  readonly #waiting: T[] = [];
  #isClosed = false;
  #wake = () => {};

  /** False when the queue is closed: the item stays the caller's. */
  push(item: T): boolean {
    if (this.#isClosed) return false;
    this.#waiting.push(item);
    this.#wake();
    return true;
  }

  /** What waits is still iterated over. */
  close(): void {
    this.#isClosed = true;
    this.#wake();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T, void, undefined> {
    for (;;) {
      const item = this.#waiting.shift();
      if (item !== undefined) yield item;
      else if (this.#isClosed) return;
      else await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }
}
