/** A small seeded generator (mulberry32): every run of a test can be repeated from its seed. */
import type { Random } from "../../../gossip/index.js";

export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  const number = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
  const word = (): bigint => BigInt(Math.floor(number() * 4294967296));
  return { number, nonce: () => (word() << 32n) | word() };
}
