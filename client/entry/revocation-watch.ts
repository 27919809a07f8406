/** Watches the age of the revocation list that is held (rule R17): one past its time means that nobody knows what is revoked. */
import { FirefliesError } from "../../identity/index.js";

/** What a list says of itself. */
export interface ListDates {
  readonly number: bigint;
  /** Unix milliseconds. */
  readonly nextUpdate: number;
}

export interface RevocationWatchOptions {
  /** Unix milliseconds. */
  readonly now: () => number;
  readonly onAlarm: (alarm: FirefliesError) => void;
}

export class RevocationWatch {
  readonly #options: RevocationWatchOptions;
  #held: ListDates | undefined;
  #asked = 0;
  /** The list whose age was complained of, once. */
  #stale: bigint | undefined;

  constructor(options: RevocationWatchOptions) {
    this.#options = options;
  }

  /** Of the list that is held; 0 for none. */
  get number(): bigint {
    return this.#held?.number ?? 0n;
  }

  /** A newer list is in force, wherever it came from. */
  seen({ number, nextUpdate }: ListDates): void {
    this.#held = { number, nextUpdate };
  }

  /**
   * The authority was asked for a newer list, or could not be, and why. Complains once for each list that is past its time: an
   * authority that is away for a while is none of my business while the list is young.
   */
  asked(cause?: FirefliesError): void {
    this.#asked += 1;
    const { number, nextUpdate } = this.#held ?? { number: 0n, nextUpdate: 0 };
    if (this.#stale === number || this.#options.now() <= nextUpdate) return;
    // The answer of a moment ago is still being checked, or others are just about to tell me theirs.
    if (this.#held === undefined && (cause === undefined || this.#asked === 1)) return;
    this.#stale = number;
    this.#options.onAlarm(staleAlarm(this.#held, cause));
  }
}

function staleAlarm(held: ListDates | undefined, cause: FirefliesError | undefined): FirefliesError {
  const which =
    held === undefined
      ? "No revocation list is known here"
      : `The revocation list held here should have been followed by ${new Date(held.nextUpdate).toISOString()}`;
  const why = cause === undefined ? "" : ` (${cause.code})`;
  return new FirefliesError(
    "revocations-stale",
    `${which}, and the authority gave no newer one${why}. What it revokes is not known here until it does.`,
    { cause },
  );
}
