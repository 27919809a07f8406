/**
 * One ring: members in ascending order of their position, clockwise, the lowest following the highest. A sorted array:
 * a look-up guesses by value and closes in, an insert or removal moves what comes after (microseconds at 10,000 members).
 *
 * The array holds slots, numbers into a table of places that all rings share: moving numbers in a typed array is a plain copy
 * of memory, whereas the engine visits each moved reference to an object for its garbage collector (five times slower, measured).
 */
import type { MemberId } from "./member-id.js";
import type { Places } from "./places.js";
import { comparePlaces, type Place, POSITIONS } from "./position.js";
import { SlotList } from "./slot-list.js";

/** Looks for a position that are guessed by its value; 10,000 members need five. After that the rest is halved, whatever it is. */
const GUESSES_MAX = 12;

export class Ring {
  readonly #number: number;
  readonly #places: Places;
  readonly #slots: SlotList;

  /** `number`, from 1 on, says which of a member's positions count here; `places` has the place of every slot on the ring. */
  constructor(number: number, places: Places, slots = new SlotList()) {
    this.#number = number;
    this.#places = places;
    this.#slots = slots;
  }

  /** Puts a member that is not on the ring on it, by its slot. */
  insert(slot: number): void {
    this.#slots.insert(this.#firstFrom(this.#places.at(slot)), slot);
  }

  /** Takes a member that is on the ring off it. */
  remove(place: Place): void {
    this.#slots.remove(this.#firstFrom(place));
  }

  /** The same ring once more, over a fork of its places; neither sees what is done to the other. */
  fork(places: Places): Ring {
    return new Ring(this.#number, places, this.#slots.fork());
  }

  /**
   * Visits all other members, the nearest first, clockwise or counter-clockwise, until a visit returns true. The ring must
   * not change meanwhile.
   */
  walk(of: Place, direction: 1 | -1, visit: (id: MemberId) => boolean): void {
    const size = this.#slots.length;
    let index = direction > 0 ? this.#firstAfter(of) : this.#firstFrom(of) - 1;
    for (let step = 0; step < size; step++, index += direction) {
      if (index < 0) index += size;
      else if (index >= size) index -= size;
      const { id } = this.#at(index);
      if (id !== of.id && visit(id)) return;
    }
  }

  /** The members clockwise of a place, lazily, at most `count` of them; `count` must not lead around to it again. */
  *following(of: Place, count: number): Generator<MemberId, void, undefined> {
    const start = this.#firstAfter(of);
    for (let step = 0; step < count; step++) yield this.#at((start + step) % this.#slots.length).id;
  }

  /** How many members are strictly between two, clockwise; none when they are the same. */
  countBetween(from: Place, to: Place): number {
    const order = comparePlaces(this.#number, from, to);
    if (order === 0) return 0;
    const span = this.#firstFrom(to) - this.#firstAfter(from);
    return order < 0 ? span : span + this.#slots.length;
  }

  #at(index: number): Place {
    return this.#places.at(this.#slots.at(index));
  }

  /** Index of the first member at or after a position; the size when all are before it. */
  #firstFrom(place: Place): number {
    const at = this.#number - 1;
    const wanted = place.prefixes[at]!;
    let [low, high] = [0, this.#slots.length];
    let [lowest, highest] = [0, POSITIONS];
    for (let guesses = 0; low < high; guesses++) {
      // Positions are hashes: where one must be follows from its value, but for a few places. Each look costs some cache misses.
      const share = guesses < GUESSES_MAX && lowest < highest ? (wanted - lowest) / (highest - lowest) : 0.5;
      const middle = Math.min(low + Math.floor(share * (high - low)), high - 1);
      const found = this.#at(middle);
      // Places are shared and unlike, so this is it; else the search would go on to see that none before it is equal.
      if (found === place) return middle;
      if (comparePlaces(this.#number, found, place) < 0) {
        low = middle + 1;
        lowest = found.prefixes[at]!;
      } else {
        high = middle;
        highest = found.prefixes[at]!;
      }
    }
    return low;
  }

  /** Index of the first member strictly after a position; the size when there is none. */
  #firstAfter(place: Place): number {
    const index = this.#firstFrom(place);
    return index < this.#slots.length && this.#at(index).id === place.id ? index + 1 : index;
  }
}
