/** Random choices, from the machine's random port: partners that a liar cannot foresee. */
import type { Random } from "./ports.js";

/** A whole number from 0 to `limit` - 1. */
export function randomBelow(random: Random, limit: number): number {
  return Math.floor(random.number() * limit);
}

/** Up to `count` different ones, each as likely. */
export function sample<T>(random: Random, from: Iterable<T>, count: number): T[] {
  const pool = [...from];
  const chosen: T[] = [];
  while (chosen.length < count && pool.length > 0) {
    const index = randomBelow(random, pool.length);
    chosen.push(pool[index] as T);
    pool[index] = pool[pool.length - 1] as T;
    pool.pop();
  }
  return chosen;
}

/** A set from which a random one is drawn in constant time. */
export class PickSet<T> {
  readonly #items: T[] = [];
  readonly #places = new Map<T, number>();

  get size(): number {
    return this.#items.length;
  }

  /** Puts it in, or takes it out. */
  keep(item: T, isIn: boolean): void {
    const place = this.#places.get(item);
    if (isIn === (place !== undefined)) return;
    if (place === undefined) this.#places.set(item, this.#items.push(item) - 1);
    else this.#takeOut(item, place);
  }

  /** Each as likely; undefined when it is empty, and then nothing is drawn. */
  pick(random: Random): T | undefined {
    return this.#items.length > 0 ? this.#items[randomBelow(random, this.#items.length)] : undefined;
  }

  /** The last one takes its place. */
  #takeOut(item: T, place: number): void {
    const last = this.#items.pop() as T;
    this.#places.delete(item);
    if (last === item) return;
    this.#items[place] = last;
    this.#places.set(last, place);
  }
}
