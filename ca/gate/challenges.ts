/**
 * What a signed call must name to be fresh: a time by the authority's own clock, so that the caller's clock does not matter, and
 * a code that only this authority can make. All replicas know each other's, because they have the network's secret; each
 * takes one once.
 */
import { timingSafeEqual } from "node:crypto";
import { FirefliesError, hmacSha256, randomSecret } from "../../identity/index.js";
import { concatBytes } from "../../rings/index.js";

/** From the question to the signed call, milliseconds: a turn of two calls, and clocks of replicas that differ. */
export const CHALLENGE_MS = 60_000;
/** Calls that are remembered as used, of about 150 bytes: 300 a second. */
const USED_MAX = 20_000;
const TIME_BYTES = 8;
const RANDOM_BYTES = 16;
const CODE_BYTES = 16;

export interface ChallengesOptions {
  /** The same in all replicas. */
  readonly key: Uint8Array;
  /** Wall clock, unix milliseconds. */
  readonly now: () => number;
}

export class Challenges {
  readonly #options: ChallengesOptions;
  /** When each can be forgotten, in the order in which they were used. */
  readonly #used = new Map<string, number>();

  constructor(options: ChallengesOptions) {
    this.#options = options;
  }

  issue(): string {
    const time = new Uint8Array(TIME_BYTES);
    new DataView(time.buffer).setBigUint64(0, BigInt(Math.max(0, Math.floor(this.#options.now()))));
    const about = concatBytes(time, randomSecret(RANDOM_BYTES));
    return Buffer.from(concatBytes(about, this.#codeOf(about))).toString("base64url");
  }

  /** Whether it is one of ours, and young. */
  isFresh(nonce: string): boolean {
    const decoded = Buffer.from(nonce, "base64url");
    // The last character has bits that say nothing: another spelling would be used a second time.
    if (decoded.toString("base64url") !== nonce) return false;
    const bytes = new Uint8Array(decoded);
    if (bytes.length !== TIME_BYTES + RANDOM_BYTES + CODE_BYTES) return false;
    const about = bytes.slice(0, TIME_BYTES + RANDOM_BYTES);
    if (!timingSafeEqual(this.#codeOf(about), bytes.slice(TIME_BYTES + RANDOM_BYTES))) return false;
    const time = Number(new DataView(about.buffer).getBigUint64(0));
    return Math.abs(this.#options.now() - time) <= CHALLENGE_MS;
  }

  /** For a call that was proven: false when another one has used it. Throws "overloaded" when too many are remembered. */
  use(nonce: string): boolean {
    const now = this.#options.now();
    for (const [old, until] of this.#used) {
      if (until > now) break;
      this.#used.delete(old);
    }
    if (this.#used.has(nonce)) return false;
    if (this.#used.size >= USED_MAX) throw new FirefliesError("overloaded");
    this.#used.set(nonce, now + 2 * CHALLENGE_MS); // It may be of a replica whose clock is ahead.
    return true;
  }

  #codeOf(about: Uint8Array): Uint8Array {
    return hmacSha256(this.#options.key, about).slice(0, CODE_BYTES);
  }
}
