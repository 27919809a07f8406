/**
 * What is to happen when, earliest first, and in the order of planning among equals: a heap with four children a node.
 * Keys and places lie in typed arrays, so that neither a comparison nor a move touches an object: a reference that moves has to
 * be told to the garbage collector each time.
 */

/** Something planned. One method, so that no closure is made for each of millions. */
export interface Happening {
  happen(): void;
}

/** What whoever stands outside has planned: no input of any machine. */
export class Action implements Happening {
  readonly #act: () => void;

  constructor(act: () => void) {
    this.#act = act;
  }

  happen(): void {
    this.#act();
  }
}

/** Things planned for which there is room at first; it doubles. */
const FIRST_CAPACITY = 1024;
/** Children of a node: half as deep as a binary heap, and the four lie in one line of the processor's cache. */
const WAYS = 4;

export class Calendar {
  #at = new Float64Array(FIRST_CAPACITY);
  #order = new Float64Array(FIRST_CAPACITY);
  /** Where the happening of each node lies. Beyond the size: the places that are free. */
  #places = Uint32Array.from({ length: FIRST_CAPACITY }, (_, place) => place);
  #happenings: (Happening | undefined)[] = new Array(FIRST_CAPACITY).fill(undefined);
  #size = 0;
  #planned = 0;

  get size(): number {
    return this.#size;
  }

  /** When the next one is due; infinity when nothing is. */
  get nextAt(): number {
    return this.#size > 0 ? this.#at[0]! : Number.POSITIVE_INFINITY;
  }

  add(at: number, happening: Happening): void {
    if (this.#size === this.#at.length) this.#grow();
    let index = this.#size++;
    const place = this.#places[index]!;
    this.#happenings[place] = happening;
    // The newest of equals comes last: a parent at the same time stays above it.
    while (index > 0) {
      const parent = ((index - 1) / WAYS) | 0;
      if (this.#at[parent]! <= at) break;
      this.#move(parent, index);
      index = parent;
    }
    this.#put(index, at, this.#planned++, place);
  }

  /** Takes the next one. The calendar must not be empty. */
  take(): Happening {
    const free = this.#places[0]!;
    const first = this.#happenings[free]!;
    this.#happenings[free] = undefined;
    const last = --this.#size;
    const place = this.#places[last]!;
    this.#places[last] = free;
    if (last > 0) this.#sink(this.#at[last]!, this.#order[last]!, place);
    return first;
  }

  /** From the root down to where the key belongs. */
  #sink(at: number, order: number, place: number): void {
    const ats = this.#at;
    const size = this.#size;
    let index = 0;
    for (;;) {
      const first = WAYS * index + 1;
      if (first >= size) break;
      let least = first;
      const end = Math.min(first + WAYS, size);
      for (let child = first + 1; child < end; child++) {
        if (ats[child]! < ats[least]! || (ats[child]! === ats[least]! && this.#order[child]! < this.#order[least]!)) {
          least = child;
        }
      }
      if (ats[least]! > at || (ats[least]! === at && this.#order[least]! > order)) break;
      this.#move(least, index);
      index = least;
    }
    this.#put(index, at, order, place);
  }

  #move(from: number, to: number): void {
    this.#at[to] = this.#at[from]!;
    this.#order[to] = this.#order[from]!;
    this.#places[to] = this.#places[from]!;
  }

  #put(index: number, at: number, order: number, place: number): void {
    this.#at[index] = at;
    this.#order[index] = order;
    this.#places[index] = place;
  }

  #grow(): void {
    const capacity = 2 * this.#at.length;
    const at = new Float64Array(capacity);
    const order = new Float64Array(capacity);
    const places = Uint32Array.from({ length: capacity }, (_, place) => place);
    at.set(this.#at);
    order.set(this.#order);
    places.set(this.#places);
    this.#at = at;
    this.#order = order;
    this.#places = places;
    for (let index = this.#size; index < capacity; index++) this.#happenings[index] = undefined;
  }
}
