/**
 * The nearest member that is not skipped, on every ring and in one direction, seen from one member. Kept from one question to
 * the next: a change asks only whether it lies within reach, which is a comparison of numbers on each ring.
 */
import type { MemberId } from "./member-id.js";
import { POSITIONS } from "./position.js";
import type { Rings, Skip } from "./rings.js";

/** In place of a distance on a ring that nobody has asked about, so that nothing lies within it. */
const UNKNOWN = -1;

export class Nearest {
  readonly #rings: Rings;
  readonly #of: MemberId;
  readonly #direction: "successor" | "predecessor";
  readonly #skip: Skip;
  readonly #found: (MemberId | undefined)[];
  /** Mine: where a member stands follows from its id alone. */
  readonly #from: Float64Array;
  /** How far it is to the one that was found, as a difference of positions. */
  readonly #reach: Float64Array;
  /** In the order in which they were disturbed; undefined where nobody asks. */
  readonly #disturbed: Set<number> | undefined;
  #version = 0;

  /**
   * `skip` must answer as before for all members that `changed` was not told of. With `isWatched` false nothing is kept for
   * `takeDisturbed`, which then has no ring to tell of.
   */
  constructor(
    rings: Rings,
    of: MemberId,
    direction: "successor" | "predecessor",
    skip: Skip,
    { isWatched = true }: { readonly isWatched?: boolean } = {},
  ) {
    this.#rings = rings;
    this.#of = of;
    this.#direction = direction;
    this.#skip = (id) => id === of || skip(id);
    this.#from = rings.prefixes(of);
    this.#found = new Array(rings.count).fill(undefined);
    this.#reach = new Float64Array(rings.count).fill(UNKNOWN);
    this.#disturbed = isWatched ? new Set(this.#found.map((_, index) => index + 1)) : undefined;
  }

  /** Rises when somebody else is the nearest on some ring. */
  get version(): number {
    return this.#version;
  }

  /** On a ring, from 1 on; undefined when there is none. */
  on(ring: number): MemberId | undefined {
    if (this.#reach[ring - 1] === UNKNOWN) this.#look(ring, this.#of);
    return this.#found[ring - 1];
  }

  /** This member, with its `prefixes`, came or went, or may be skipped now and was not, or the other way round. */
  changed(id: MemberId, to = this.#rings.prefixes(id)): void {
    if (id === this.#of) return;
    const from = this.#from;
    for (let index = 0; index < this.#reach.length; index++) {
      const distance = this.#distance(from[index]!, to[index]!);
      if (distance <= this.#reach[index]!) this.#changedWithin(index + 1, id, distance);
    }
  }

  /** Would this member have the one in the middle as its nearest, seen the other way on some ring? */
  reaches(id: MemberId): boolean {
    const from = this.#from;
    const to = this.#rings.prefixes(id);
    for (let index = 0; index < this.#reach.length; index++) {
      this.on(index + 1);
      if (this.#distance(from[index]!, to[index]!) <= this.#reach[index]!) return true;
    }
    return false;
  }

  /** Does this member stand beyond the nearest one on a ring? False as well where their first 48 bits do not tell. */
  isBeyond(ring: number, id: MemberId): boolean {
    this.on(ring);
    const distance = this.#distance(this.#from[ring - 1]!, this.#rings.prefixes(id)[ring - 1]!);
    return distance > this.#reach[ring - 1]!;
  }

  /** The rings on which something within reach has changed since this was asked last, all of them at first. */
  takeDisturbed(): number[] {
    const disturbed = [...(this.#disturbed ?? [])];
    this.#disturbed?.clear();
    return disturbed;
  }

  #changedWithin(ring: number, id: MemberId, distance: number): void {
    this.#disturbed?.add(ring);
    // All between were skipped, and still are: who is beyond them is looked for from here.
    if (id === this.#found[ring - 1]) {
      if (this.#skip(id)) this.#look(ring, id);
    } else if (this.#isTied(ring, distance)) this.#look(ring, this.#of);
    else if (!this.#skip(id)) this.#set(ring, id, distance);
  }

  #look(ring: number, from: MemberId): void {
    const found = this.#rings[this.#direction](ring, from, this.#skip);
    const theirs = found && this.#rings.prefixes(found);
    const reach = theirs && this.#distance(this.#from[ring - 1]!, theirs[ring - 1]!);
    // Nobody, or one whose number is mine and may be just before or just after: everything is within reach.
    this.#set(ring, found, reach || Number.POSITIVE_INFINITY);
  }

  /** Equal in their first 48 bits: only the whole positions tell who is nearer. */
  #isTied(ring: number, distance: number): boolean {
    const reach = this.#reach[ring - 1]!;
    const isEdgeTied = reach === Number.POSITIVE_INFINITY && this.#found[ring - 1] !== undefined;
    return distance === 0 || distance === reach || isEdgeTied;
  }

  #set(ring: number, found: MemberId | undefined, reach: number): void {
    if (this.#found[ring - 1] !== found) this.#version += 1;
    this.#found[ring - 1] = found;
    this.#reach[ring - 1] = reach;
  }

  #distance(from: number, to: number): number {
    const forward = this.#direction === "successor" ? to - from : from - to;
    return forward < 0 ? forward + POSITIONS : forward;
  }
}
