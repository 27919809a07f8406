/** A set from which a random one is drawn in constant time. */
import type { Random } from "./ports.js";
import { randomBelow } from "./sample.js";

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
