/** Things that are bounded per owner and in all, each owner's in the order of arrival. */

export class Shares<T extends { readonly key: string }> {
  readonly #max: number;
  readonly #perKeyMax: number;
  readonly #byKey = new Map<string, Set<T>>();
  #size = 0;

  constructor(max: number, perKeyMax: number) {
    this.#max = max;
    this.#perKeyMax = perKeyMax;
  }

  get size(): number {
    return this.#size;
  }

  /** What must go before another one of this key may come; undefined while there is room. */
  victim(key: string, perKeyMax = this.#perKeyMax): T | undefined {
    const own = this.#byKey.get(key);
    if (own !== undefined && own.size >= perKeyMax) return first(own);
    return this.#size >= this.#max ? this.greediest() : undefined;
  }

  /** The oldest of the key that has the most. */
  greediest(): T | undefined {
    let most: Set<T> | undefined;
    for (const own of this.#byKey.values()) if (own.size > (most?.size ?? 0)) most = own;
    return most && first(most);
  }

  add(thing: T): void {
    const own = this.#byKey.get(thing.key) ?? new Set();
    this.#byKey.set(thing.key, own.add(thing));
    this.#size++;
  }

  remove(thing: T): void {
    const own = this.#byKey.get(thing.key);
    if (!own?.delete(thing)) return;
    this.#size--;
    if (own.size === 0) this.#byKey.delete(thing.key);
  }
}

function first<T>(things: Set<T>): T | undefined {
  const [oldest] = things;
  return oldest;
}
