/** Failed dials, remembered per address over all members that claim it. */
import type { MemberId } from "../../rings/index.js";
import { type DialError, PeerMismatch } from "../transports/dial-error.js";

/** The first pause after a failed dial, milliseconds; doubled with every further one ... */
const BACKOFF_FIRST_MS = 250;
/** ... up to this: a path that comes back is to be used within five seconds. */
const BACKOFF_MAX_MS = 4_000;
/** Addresses whose failures are remembered. */
const FAILURES_MAX = 4096;

interface Failure {
  readonly count: number;
  readonly until: number;
  readonly error: DialError;
}

export class DialHistory {
  readonly #failures = new Map<string, Failure>();

  /**
   * Why this address is not dialled now: its last dial failed a moment ago. A dial that found this member when another
   * was expected does not count: else liars could cut a member off by naming its address in their notes.
   */
  recent(address: string, now: number, expect?: MemberId): DialError | undefined {
    const failure = this.#failures.get(address);
    if (!failure || now >= failure.until) return undefined;
    const { error } = failure;
    const { cause } = error;
    return expect !== undefined && cause instanceof PeerMismatch && cause.found === expect ? undefined : error;
  }

  failed(address: string, now: number, error: DialError): void {
    const count = (this.#failures.get(address)?.count ?? 0) + 1;
    this.#failures.delete(address);
    const pause = Math.min(BACKOFF_MAX_MS, BACKOFF_FIRST_MS * 2 ** (count - 1));
    this.#failures.set(address, { count, until: now + pause, error });
    const oldest = this.#failures.keys().next().value;
    if (this.#failures.size > FAILURES_MAX && oldest !== undefined) this.#failures.delete(oldest);
  }

  /** It answered: no reason to wait. */
  forgive(address: string): void {
    this.#failures.delete(address);
  }
}
