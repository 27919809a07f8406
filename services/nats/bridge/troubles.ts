/**
 * What a bridge survives, as it tells it: the first of a kind at once, and what came after it together, when some time has
 * passed. So a storm is a few lines, and every count is right in the end.
 */
import { FirefliesError } from "../../../identity/index.js";

/** Trouble of one kind is told once in this time, milliseconds. */
export const TOLD_MS = 10_000;

interface Kind {
  readonly cancel: () => void;
  /** Since it was told. */
  count: number;
  make: (count: number) => FirefliesError;
}

export class Troubles {
  readonly #onTrouble: (error: FirefliesError) => void;
  readonly #later: (run: () => void, ms: number) => () => void;
  /** Told within that time. There are no more than kinds that the bridge names and codes of errors. */
  readonly #kinds = new Map<string, Kind>();
  #isClosed = false;

  constructor(onTrouble: (error: FirefliesError) => void, later: (run: () => void, ms: number) => () => void) {
    this.#onTrouble = onTrouble;
    this.#later = later;
  }

  /** One of its code. The latest of several stands for them. */
  tell(error: FirefliesError): void {
    const { code, message, advice, cause } = error;
    this.count(code, (count) =>
      count === 1
        ? error
        : new FirefliesError(code, `${message} (${count} of this kind; the latest.)`, { advice, cause }),
    );
  }

  /** One more of a kind, of which a number makes a sentence. */
  count(name: string, make: (count: number) => FirefliesError): void {
    const kind = this.#kinds.get(name);
    if (kind !== undefined) {
      kind.count += 1;
      kind.make = make;
      return;
    }
    if (!this.#isClosed) this.#kinds.set(name, { cancel: this.#begin(name), count: 0, make });
    this.#onTrouble(make(1));
  }

  /** What waits is told now, and what comes at once. */
  close(): void {
    this.#isClosed = true;
    const kinds = [...this.#kinds.values()];
    this.#kinds.clear();
    for (const { cancel, count, make } of kinds) {
      cancel();
      if (count > 0) this.#onTrouble(make(count));
    }
  }

  #begin(name: string): () => void {
    return this.#later(() => {
      const kind = this.#kinds.get(name);
      this.#kinds.delete(name);
      if (kind === undefined || kind.count === 0) return;
      this.#kinds.set(name, { cancel: this.#begin(name), count: 0, make: kind.make });
      this.#onTrouble(kind.make(kind.count));
    }, TOLD_MS);
  }
}
