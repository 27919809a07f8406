/**
 * A map that can be forked: both sides go on from what was there, share it, and hold only what each of them changes. So
 * thousands of members in one process can start from one set, which is never copied.
 */
export class LayeredMap<K, V extends {}> {
  /** Shared with forks, and so never changed. */
  #base: ReadonlyMap<K, V>;
  /** What was set since, and null for what was deleted of the base. Without forks everything is here. */
  #own = new Map<K, V | null>();
  #size: number;

  constructor(base: ReadonlyMap<K, V> = new Map()) {
    this.#base = base;
    this.#size = base.size;
  }

  get size(): number {
    return this.#size;
  }

  get(key: K): V | undefined {
    const own = this.#own.size > 0 ? this.#own.get(key) : undefined;
    if (own !== undefined) return own ?? undefined;
    return this.#base.size > 0 ? this.#base.get(key) : undefined;
  }

  has(key: K): boolean {
    return this.get(key) !== undefined;
  }

  set(key: K, value: V): void {
    if (!this.has(key)) this.#size += 1;
    this.#own.set(key, value);
  }

  delete(key: K): boolean {
    if (!this.has(key)) return false;
    this.#size -= 1;
    if (this.#base.has(key)) this.#own.set(key, null);
    else this.#own.delete(key);
    return true;
  }

  /** What is shared first, in its order, then what came since. */
  *entries(): Generator<[K, V], void, undefined> {
    for (const [key, shared] of this.#base) {
      const own = this.#own.get(key);
      if (own !== null) yield [key, own ?? shared];
    }
    for (const [key, value] of this.#own) if (value !== null && !this.#base.has(key)) yield [key, value];
  }

  *keys(): Generator<K, void, undefined> {
    for (const [key] of this.entries()) yield key;
  }

  *values(): Generator<V, void, undefined> {
    for (const [, value] of this.entries()) yield value;
  }

  /** A second map with the same content; neither sees what is done to the other. O(1) while this one has not changed since its last fork. */
  fork(): LayeredMap<K, V> {
    if (this.#own.size > 0) {
      this.#base = new Map(this.entries());
      this.#own = new Map();
    }
    return new LayeredMap(this.#base);
  }
}
