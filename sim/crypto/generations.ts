/**
 * A memory in two generations: what is not asked for while as many new things come as a generation holds is forgotten. Costs
 * no order of use to be kept up to date, as a least-recently-used list would.
 */
export class Generations<T> {
  readonly #max: number;
  #young = new Map<number, T>();
  #old = new Map<number, T>();

  /** `max`: things in one generation, so that at most twice as many are held. */
  constructor(max: number) {
    this.#max = max;
  }

  get(key: number): T | undefined {
    const young = this.#young.get(key);
    if (young !== undefined) return young;
    const old = this.#old.get(key);
    if (old !== undefined) this.set(key, old);
    return old;
  }

  set(key: number, value: T): void {
    if (this.#young.size >= this.#max) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#young.set(key, value);
  }
}
