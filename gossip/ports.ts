/** What the machine needs from outside: hashes, its own signature, randomness, and the wall clock. */
import type { Sha256 } from "../rings/index.js";
import type { TrustedClock } from "./clock.js";
import type { StatementReader } from "./records/statement.js";
import type { SignedType } from "./records/verified.js";

/** Unpredictable numbers: nonces of pings, and the choice of partners, which a liar must not foresee. */
export interface Random {
  /** Uniform in [0, 1). */
  number(): number;
  /** Uniform over 64 bits. */
  nonce(): bigint;
}

export interface Ports {
  readonly sha256: Sha256;
  /** Reads statements; machines of one process may share one that remembers. Default: one without memory. */
  readonly read?: StatementReader | undefined;
  readonly random: Random;
  /**
   * My signature over a body, domain-separated by type and network (protocol 5a): 64 bytes r || s. Called for my own
   * statements only, a few times a minute at most, and so synchronous.
   */
  readonly sign: (type: SignedType, body: Uint8Array) => Uint8Array;
  /** For certificate dates and first epochs only (rule R18). Shared with whoever else judges dates. */
  readonly clock: TrustedClock;
}
