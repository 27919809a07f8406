/**
 * Who may have one more connection passed on. Whoever has few is let in before those who have many: a member may have as many
 * as there are places free beside them (the dynamic threshold of Choudhury and Hahne, "Dynamic Queue Length Thresholds for
 * Shared-Memory Packet Switches", 1998). So the greedy take half at most, the next a quarter, and however many they are, the
 * first connection of a member finds a place while there is any. The same holds of those to one member. Nobody is cut for
 * another.
 */
import type { MemberId } from "../../rings/index.js";

export interface PlaceLimits {
  /** In all. */
  readonly max: number;
  /** Asked for by one member. */
  readonly perCallerMax: number;
  /** To one member. */
  readonly perTargetMax: number;
  /** From one member to the same other one. */
  readonly perPairMax: number;
}

/** Numbers by key, without those that are zero. */
class Tally<K> {
  readonly #counts = new Map<K, number>();

  of(key: K): number {
    return this.#counts.get(key) ?? 0;
  }

  add(key: K, by: 1 | -1): void {
    const count = this.of(key) + by;
    if (count === 0) this.#counts.delete(key);
    else this.#counts.set(key, count);
  }

  get size(): number {
    return this.#counts.size;
  }
}

export class Places {
  limits: PlaceLimits;
  readonly #callers = new Tally<MemberId>();
  readonly #targets = new Tally<MemberId>();
  readonly #pairs = new Tally<string>();
  #taken = 0;

  constructor(limits: PlaceLimits) {
    this.limits = limits;
  }

  get taken(): number {
    return this.#taken;
  }

  /** Members with a connection, as callers. */
  get callers(): number {
    return this.#callers.size;
  }

  /** Takes a place; returns how to give it back, or undefined when there is none for this caller, or to this target. */
  take(caller: MemberId, target: MemberId): (() => void) | undefined {
    const { max, perCallerMax, perTargetMax, perPairMax } = this.limits;
    const pair = `${caller} ${target}`;
    const isAllowed =
      mayHaveOneMore(this.#callers.of(caller), this.#taken, max, perCallerMax) &&
      mayHaveOneMore(this.#targets.of(target), this.#taken, max, perTargetMax) &&
      mayHaveOneMore(this.#pairs.of(pair), this.#targets.of(target), perTargetMax, perPairMax);
    if (!isAllowed) return undefined;
    this.#count(caller, target, pair, 1);
    let isGiven = false;
    return () => {
      if (!isGiven) this.#count(caller, target, pair, -1);
      isGiven = true;
    };
  }

  #count(caller: MemberId, target: MemberId, pair: string, by: 1 | -1): void {
    this.#taken += by;
    this.#callers.add(caller, by);
    this.#targets.add(target, by);
    this.#pairs.add(pair, by);
  }
}

/** Who has `own` of `taken` places: may it have one more? `max` places are there, `ownMax` for one. */
export function mayHaveOneMore(own: number, taken: number, max: number, ownMax: number): boolean {
  return own < ownMax && own < max - taken;
}
