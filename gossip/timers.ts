/** Named deadlines: at most one per name, the earliest at hand. Setting a name again moves it. */

/** Stale entries that the heap may hold, beside three for each name, before it is built anew. */
const STALE_MAX = 64;

interface Entry {
  readonly name: string;
  readonly at: number;
}

export class Timers {
  readonly #deadlines = new Map<string, number>();
  /** A binary heap of all deadlines ever set; entries that no longer match the map are stale and skipped. */
  #heap: Entry[] = [];

  get size(): number {
    return this.#deadlines.size;
  }

  set(name: string, at: number): void {
    if (this.#deadlines.get(name) === at) return;
    this.#deadlines.set(name, at);
    if (this.#heap.length > STALE_MAX + 4 * this.#deadlines.size) this.#rebuild();
    else this.#push({ name, at });
  }

  /** Sets it only when it would fire earlier than it already does. */
  setEarlier(name: string, at: number): void {
    if (at < (this.#deadlines.get(name) ?? Number.POSITIVE_INFINITY)) this.set(name, at);
  }

  has(name: string): boolean {
    return this.#deadlines.has(name);
  }

  clear(name: string): void {
    this.#deadlines.delete(name);
  }

  get deadline(): number | undefined {
    this.#dropStale();
    return this.#heap[0]?.at;
  }

  /** Takes the earliest name whose time has come. */
  pop(now: number): string | undefined {
    this.#dropStale();
    const first = this.#heap[0];
    if (!first || first.at > now) return undefined;
    this.#popHeap();
    this.#deadlines.delete(first.name);
    return first.name;
  }

  #dropStale(): void {
    for (let first = this.#heap[0]; first && this.#deadlines.get(first.name) !== first.at; first = this.#heap[0]) {
      this.#popHeap();
    }
  }

  #rebuild(): void {
    this.#heap = [];
    for (const [name, at] of this.#deadlines) this.#push({ name, at });
  }

  #push(entry: Entry): void {
    const heap = this.#heap;
    let index = heap.push(entry) - 1;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if ((heap[parent] as Entry).at <= entry.at) break;
      heap[index] = heap[parent] as Entry;
      index = parent;
    }
    heap[index] = entry;
  }

  #popHeap(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (!last || heap.length === 0) return;
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && (heap[child + 1] as Entry).at < (heap[child] as Entry).at) child += 1;
      if ((heap[child] as Entry).at >= last.at) break;
      heap[index] = heap[child] as Entry;
      index = child;
    }
    heap[index] = last;
  }
}
