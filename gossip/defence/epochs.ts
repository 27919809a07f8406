/** The epochs of my own notes (rule R10): they never fall, not even over a crash, and never wait for a disk. */
import { EPOCH_BLOCK, EPOCH_MAX } from "../limits.js";

export class Epochs {
  #current: bigint;
  #mark: bigint;

  /** `savedMark` is the last mark that was written; 0 when there is none. `wall` is unix milliseconds. */
  constructor(savedMark: bigint, wall: number) {
    const clock = BigInt(Math.max(0, Math.floor(wall)));
    this.#current = savedMark + 1n > clock ? savedMark : clock - 1n;
    this.#mark = savedMark;
  }

  get current(): bigint {
    return this.#current;
  }

  /** A note of mine with this epoch, above the saved mark, is out already. */
  adopt(epoch: bigint): void {
    this.#current = epoch;
  }

  /** The next epoch, above `floor`; undefined when there is none left. */
  advance(floor = 0n): bigint | undefined {
    const next = (floor > this.#current ? floor : this.#current) + 1n;
    if (next > EPOCH_MAX) return undefined;
    this.#current = next;
    return next;
  }

  /**
   * A mark to save, or undefined. It is due half a block before the saved one is reached, so that a slow disk has the
   * other half to finish; all epochs up to the saved mark count as used after a restart.
   */
  markToSave(): bigint | undefined {
    if (this.#current + EPOCH_BLOCK / 2n <= this.#mark) return undefined;
    const next = this.#current + EPOCH_BLOCK;
    this.#mark = atMost(next, EPOCH_MAX);
    return this.#mark;
  }
}

/** Math.min of bigints, which there is none of. */
function atMost(value: bigint, limit: bigint): bigint {
  return value <= limit ? value : limit;
}
