/** What the machine of topics needs from outside: digests, its own signature, randomness and the wall clock. */
import type { Sha256 } from "../rings/index.js";

export interface Ports {
  readonly sha256: Sha256;
  /** Uniform in [0, 1), unpredictable: whom to ask next, which a liar must not foresee. */
  readonly random: () => number;
  /**
   * My signature over the body of a batch of mine, domain-separated by type "topic-batch" and network: 64 bytes r || s.
   * Called once for each batch, and so synchronous: the more is published in a turn, the less it costs a message.
   */
  readonly sign: (body: Uint8Array) => Uint8Array;
  /** Unix milliseconds, whole: the publisher's time in batches. Nothing is decided by it. */
  readonly wall: (now: number) => number;
}
