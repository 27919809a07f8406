/**
 * One ring: members in ascending order of their position, clockwise, the lowest following the highest. A sorted array:
 * a look-up is a binary search, an insert or removal moves what comes after (microseconds at 10,000 members).
 *
 * The array holds slots, numbers into a table of places that all rings share: moving numbers in a typed array is a plain copy
 * of memory, whereas the engine visits each moved reference to an object for its garbage collector (five times slower, measured).
 */
import { comparePlaces, type Place } from "./position.js";

/** Room of a new ring, in members; it doubles as needed. */
const FIRST_CAPACITY = 16;

export class Ring {
  readonly #number: number;
  readonly #table: readonly Place[];
  #slots = new Uint32Array(FIRST_CAPACITY);
  #size = 0;

  /** `number`, from 1 on, says which of a member's positions count here; `table` holds the place of every slot on the ring. */
  constructor(number: number, table: readonly Place[]) {
    this.#number = number;
    this.#table = table;
  }

  /** Puts a member that is not on the ring on it, by its slot. */
  insert(slot: number): void {
    if (this.#size === this.#slots.length) this.#grow();
    const index = this.#firstFrom(this.#table[slot]!);
    this.#slots.copyWithin(index + 1, index, this.#size);
    this.#slots[index] = slot;
    this.#size++;
  }

  /** Takes a member that is on the ring off it. */
  remove(place: Place): void {
    const index = this.#firstFrom(place);
    this.#slots.copyWithin(index, index + 1, this.#size);
    this.#size--;
  }

  /** All other members, nearest successor first. The ring must not change meanwhile. */
  *clockwise(of: Place): Generator<Place, void, undefined> {
    const size = this.#size;
    const start = this.#firstAfter(of);
    for (let step = 0; step < size; step++) {
      const place = this.#at((start + step) % size);
      if (place.id !== of.id) yield place;
    }
  }

  /** All other members, nearest predecessor first. The ring must not change meanwhile. */
  *counterclockwise(of: Place): Generator<Place, void, undefined> {
    const size = this.#size;
    const start = this.#firstFrom(of) - 1 + size;
    for (let step = 0; step < size; step++) {
      const place = this.#at((start - step) % size);
      if (place.id !== of.id) yield place;
    }
  }

  /** How many members are strictly between two, clockwise; none when they are the same. */
  countBetween(from: Place, to: Place): number {
    const order = comparePlaces(this.#number, from, to);
    if (order === 0) return 0;
    const span = this.#firstFrom(to) - this.#firstAfter(from);
    return order < 0 ? span : span + this.#size;
  }

  #at(index: number): Place {
    return this.#table[this.#slots[index]!]!;
  }

  /** Index of the first member at or after a position; the size when all are before it. */
  #firstFrom(place: Place): number {
    let low = 0;
    let high = this.#size;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (comparePlaces(this.#number, this.#at(middle), place) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Index of the first member strictly after a position; the size when there is none. */
  #firstAfter(place: Place): number {
    const index = this.#firstFrom(place);
    return index < this.#size && this.#at(index).id === place.id ? index + 1 : index;
  }

  #grow(): void {
    const larger = new Uint32Array(2 * this.#slots.length);
    larger.set(this.#slots);
    this.#slots = larger;
  }
}
