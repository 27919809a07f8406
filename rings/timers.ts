/** Named deadlines: at most one per name, the earliest at hand. Setting a name again moves it. */

/** Stale entries that the heap may hold, beside three for each name, before it is built anew. */
const STALE_MAX = 64;

interface Entry {
  readonly name: string;
  readonly at: number;
  /** The name was set anew or cleared since. */
  isStale: boolean;
}

export class Timers {
  readonly #entries = new Map<string, Entry>();
  /** A binary heap of all deadlines ever set; stale ones are skipped. */
  #heap: Entry[] = [];

  get size(): number {
    return this.#entries.size;
  }

  set(name: string, at: number): void {
    const before = this.#entries.get(name);
    if (before?.at === at) return;
    if (before) before.isStale = true;
    const entry = { name, at, isStale: false };
    this.#entries.set(name, entry);
    if (this.#heap.length > STALE_MAX + 4 * this.#entries.size) this.#rebuild();
    else this.#push(entry);
  }

  /** Sets it only when it would fire earlier than it already does. */
  setEarlier(name: string, at: number): void {
    if (at < (this.#entries.get(name)?.at ?? Number.POSITIVE_INFINITY)) this.set(name, at);
  }

  has(name: string): boolean {
    return this.#entries.has(name);
  }

  /** When it fires; undefined when it is not set. */
  at(name: string): number | undefined {
    return this.#entries.get(name)?.at;
  }

  /** Is it set, and has its time come? */
  isDue(name: string, now: number): boolean {
    const entry = this.#entries.get(name);
    return entry !== undefined && entry.at <= now;
  }

  clear(name: string): void {
    const entry = this.#entries.get(name);
    if (entry) entry.isStale = true;
    this.#entries.delete(name);
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
    this.#entries.delete(first.name);
    return first.name;
  }

  #dropStale(): void {
    while (this.#heap[0]?.isStale) this.#popHeap();
  }

  #rebuild(): void {
    this.#heap = [];
    for (const entry of this.#entries.values()) this.#push(entry);
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

/** The first of these deadlines; Infinity when there is none. Asked after every input, so that no array is made for it. */
export function earliest(
  first: number | undefined,
  second: number | undefined,
  third: number | undefined,
  fourth: number | undefined,
): number {
  const never = Number.POSITIVE_INFINITY;
  return Math.min(first ?? never, second ?? never, third ?? never, fourth ?? never);
}
