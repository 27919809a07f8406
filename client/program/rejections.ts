/** How often partners sent what was not taken, by what and why. */

/** Kinds that are counted apart. */
const KINDS_MAX = 256;

export class Rejections {
  readonly #counts = new Map<string, number>();
  readonly #onRejected: (kind: string) => void;

  constructor(onRejected: (kind: string) => void = () => {}) {
    this.#onRejected = onRejected;
  }

  count(kind: string): void {
    this.#onRejected(kind);
    const count = this.#counts.get(kind) ?? 0;
    // Reasons come from a short list, but one of them may be a partner's word.
    if (count > 0 || this.#counts.size < KINDS_MAX) this.#counts.set(kind, count + 1);
  }

  get all(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#counts);
  }
}
