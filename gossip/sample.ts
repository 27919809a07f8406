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
