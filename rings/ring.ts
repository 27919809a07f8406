/**
 * One ring: members in ascending order of their position, clockwise, the lowest following the highest. A sorted array:
 * a look-up is a binary search, an insert or removal moves pointers (microseconds at 10,000 members).
 */
import { comparePlaces, type Place } from "./position.js";

export class Ring {
  readonly #number: number;
  readonly #places: Place[] = [];

  /** `number` is the ring's number, from 1 on: it says which of a member's positions count here. */
  constructor(number: number) {
    this.#number = number;
  }

  /** Puts a member that is not on the ring on it. */
  insert(place: Place): void {
    this.#places.splice(this.#firstFrom(place), 0, place);
  }

  /** Takes a member that is on the ring off it. */
  remove(place: Place): void {
    this.#places.splice(this.#firstFrom(place), 1);
  }

  /** All other members, nearest successor first. The ring must not change meanwhile. */
  *clockwise(of: Place): Generator<Place, void, undefined> {
    const places = this.#places;
    const start = this.#firstAfter(of);
    for (let step = 0; step < places.length; step++) {
      const place = places[(start + step) % places.length]!;
      if (place.id !== of.id) yield place;
    }
  }

  /** All other members, nearest predecessor first. The ring must not change meanwhile. */
  *counterclockwise(of: Place): Generator<Place, void, undefined> {
    const places = this.#places;
    const start = this.#firstFrom(of) - 1 + places.length;
    for (let step = 0; step < places.length; step++) {
      const place = places[(start - step) % places.length]!;
      if (place.id !== of.id) yield place;
    }
  }

  /** How many members are strictly between two, clockwise; none when they are the same. */
  countBetween(from: Place, to: Place): number {
    const order = comparePlaces(this.#number, from, to);
    if (order === 0) return 0;
    const span = this.#firstFrom(to) - this.#firstAfter(from);
    return order < 0 ? span : span + this.#places.length;
  }

  /** Index of the first member at or after a position; the length when all are before it. */
  #firstFrom(place: Place): number {
    let low = 0;
    let high = this.#places.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (comparePlaces(this.#number, this.#places[middle]!, place) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Index of the first member strictly after a position; the length when there is none. */
  #firstAfter(place: Place): number {
    const index = this.#firstFrom(place);
    return this.#places[index]?.id === place.id ? index + 1 : index;
  }
}
