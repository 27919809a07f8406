/**
 * The places of the members on the rings, by slot: a small number that all rings of one set use in their name. Can be forked:
 * both sides share what was there.
 */
import type { Place } from "./position.js";

export class Places {
  /** Shared with forks, and so never changed. */
  #base: readonly Place[];
  #own: Place[] = [];
  /** A free slot keeps the place it had until it is used again. */
  #free: number[] = [];

  constructor(base: readonly Place[] = []) {
    this.#base = base;
  }

  at(slot: number): Place {
    const own = slot - this.#base.length;
    return (own < 0 ? this.#base[slot] : this.#own[own])!;
  }

  /** Returns the slot that it got. */
  add(place: Place): number {
    const slot = this.#free.pop() ?? this.#base.length + this.#own.length;
    this.#own[slot - this.#base.length] = place;
    return slot;
  }

  remove(slot: number): void {
    // Others may still use what is shared.
    if (slot >= this.#base.length) this.#free.push(slot);
  }

  fork(): Places {
    if (this.#own.length > 0) this.#base = [...this.#base, ...this.#own];
    this.#own = [];
    this.#free = [];
    return new Places(this.#base);
  }
}
