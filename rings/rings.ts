/**
 * All known members on the k rings of a network, and who is whose neighbour there (Johansen et al., "Fireflies", TOCS 2015): my
 * predecessor on a ring monitors me on it, I monitor my successor. Who counts as gone is the caller's `skip`, so one set of
 * rings serves both the static order of all members and any view of the live ones.
 */
import { LayeredMap } from "./layered-map.js";
import type { MemberId } from "./member-id.js";
import { Places } from "./places.js";
import { type Place, placeOf, type Sha256 } from "./position.js";
import { Ring } from "./ring.js";
import { checkRingCount } from "./ring-count.js";

/** Whether to pass over a member when looking for a neighbour. */
export type Skip = (id: MemberId) => boolean;

export interface RingsOptions {
  /** The ring count k, 1..RING_COUNT_MAX. */
  readonly count: number;
  readonly sha256: Sha256;
}

/**
 * Positions kept of ids that are not on the rings: a joiner asks for itself, and statements of strangers are looked up a
 * few times in a row. One has 40 bytes a ring.
 */
const ABSENT_PLACES_MAX = 64;

const skipNobody: Skip = () => false;

/**
 * Members on rings numbered 1..count. Ids asked about (`of`, `from`, `to`) need not be on the rings: they are then looked at
 * where they would stand. A ring number outside 1..count throws RangeError, so check those of peers first.
 * The rings must not change while something returned by `between` is being iterated, nor within `skip`.
 */
export class Rings {
  readonly count: number;
  readonly #sha256: Sha256;
  readonly #rings: readonly Ring[];
  /** The slot in `#places` of each member on the rings. */
  readonly #slots: LayeredMap<MemberId, number>;
  readonly #places: Places;
  /** Oldest first. A place follows from the id alone: forks keep these together, and a newcomer has one for all of them. */
  readonly #absent: Map<MemberId, Place>;
  #version = 0;

  /**
   * Throws RangeError when `count` is not a whole number in 1..RING_COUNT_MAX. With `base` the rings begin as a fork of those:
   * they share what is there, and neither sees what is done to the other.
   */
  constructor({ count, sha256 }: RingsOptions, base?: Rings) {
    checkRingCount(count);
    this.count = count;
    this.#sha256 = sha256;
    const places = base ? base.#places.fork() : new Places();
    this.#places = places;
    this.#slots = base ? base.#slots.fork() : new LayeredMap();
    this.#absent = base ? base.#absent : new Map();
    this.#rings = base
      ? base.#rings.map((ring) => ring.fork(places))
      : Array.from({ length: count }, (_, index) => new Ring(index + 1, places));
  }

  fork(): Rings {
    return new Rings({ count: this.count, sha256: this.#sha256 }, this);
  }

  /** Rises whenever somebody is put on the rings or taken off. */
  get version(): number {
    return this.#version;
  }

  /** Members on the rings. */
  get size(): number {
    return this.#slots.size;
  }

  has(id: MemberId): boolean {
    return this.#slots.has(id);
  }

  /** All members, in an order that depends on what was added and removed alone. */
  ids(): Iterable<MemberId> {
    return this.#slots.keys();
  }

  /** Puts a member on all rings; false when it is there already. */
  add(id: MemberId): boolean {
    if (this.#slots.has(id)) return false;
    const place = this.#place(id);
    const slot = this.#places.add(place);
    this.#slots.set(id, slot);
    this.#version += 1;
    for (const ring of this.#rings) ring.insert(slot);
    return true;
  }

  /** Takes a member off all rings; false when it is not there. */
  delete(id: MemberId): boolean {
    const slot = this.#slots.get(id);
    if (slot === undefined) return false;
    for (const ring of this.#rings) ring.remove(this.#places.at(slot));
    this.#slots.delete(id);
    this.#version += 1;
    this.#places.remove(slot);
    return true;
  }

  /** The nearest member clockwise that is not skipped, never `of` itself; undefined when there is none. */
  successor(ring: number, of: MemberId, skip: Skip): MemberId | undefined {
    return this.#nearest(ring, of, 1, 1, skip)[0];
  }

  /** The nearest member counter-clockwise that is not skipped, never `of` itself; undefined when there is none. */
  predecessor(ring: number, of: MemberId, skip: Skip): MemberId | undefined {
    return this.#nearest(ring, of, -1, 1, skip)[0];
  }

  /** Up to `count` members counter-clockwise that are not skipped, nearest first, without `of` itself. */
  predecessors(ring: number, of: MemberId, count: number, skip: Skip = skipNobody): MemberId[] {
    return this.#nearest(ring, of, -1, count, skip);
  }

  /** Up to `count` members clockwise, nearest first, without `of` itself. */
  successors(ring: number, of: MemberId, count: number): MemberId[] {
    return this.#nearest(ring, of, 1, count, skipNobody);
  }

  #nearest(ring: number, of: MemberId, direction: 1 | -1, count: number, skip: Skip): MemberId[] {
    const found: MemberId[] = [];
    if (count <= 0) return found;
    this.#ring(ring).walk(this.#place(of), direction, (id) => !skip(id) && found.push(id) >= count);
    return found;
  }

  /** The successors and predecessors of a member on all rings. */
  neighbours(of: MemberId, skip: Skip): Set<MemberId> {
    const found = new Set<MemberId>();
    for (let ring = 1; ring <= this.count; ring++) {
      const successor = this.successor(ring, of, skip);
      if (successor === undefined) break; // Nobody is left on this ring, hence on none.
      found.add(successor).add(this.predecessor(ring, of, skip)!);
    }
    return found;
  }

  /** The members strictly between two, clockwise from `from` to `to`; none when they are the same. Lazy: O(what is taken). */
  between(ring: number, from: MemberId, to: MemberId): Generator<MemberId, void, undefined> {
    const start = this.#place(from);
    return this.#ring(ring).following(start, this.#ring(ring).countBetween(start, this.#place(to)));
  }

  /** The first 48 bits of a member's position on each ring; that on ring 1 first. Whole numbers. */
  prefixes(id: MemberId): Float64Array {
    return this.#place(id).prefixes;
  }

  /** How many members are strictly between two, clockwise; undefined when more than `limit`. O(log N). */
  distance(ring: number, from: MemberId, to: MemberId, limit: number): number | undefined {
    const members = this.#ring(ring).countBetween(this.#place(from), this.#place(to));
    return members > limit ? undefined : members;
  }

  #ring(number: number): Ring {
    const ring = this.#rings[number - 1];
    if (ring === undefined) throw new RangeError(`there is no ring ${number}: rings are 1 to ${this.count}`);
    return ring;
  }

  #place(id: MemberId): Place {
    const slot = this.#slots.get(id);
    if (slot !== undefined) return this.#places.at(slot);
    return this.#absent.get(id) ?? this.#newPlace(id);
  }

  #newPlace(id: MemberId): Place {
    const place = placeOf(this.#sha256, this.count, id);
    if (this.#absent.size >= ABSENT_PLACES_MAX) this.#absent.delete(this.#absent.keys().next().value!);
    this.#absent.set(id, place);
    return place;
  }
}
