/**
 * Asks the authority for its revocation list (rule R17), so that gossip has something to spread, and watches the age of
 * the one that is held. A network asks about once a second as a whole, however large it is: whoever hears of a new list
 * first tells the others.
 */
import { FirefliesError, fingerprintOf, type Identity } from "../identity/index.js";
import { asFirefliesError } from "../net/index.js";
import { fetchRevocations, Line } from "./authority.js";
import { byEitherClock, type Clocks } from "./clocks.js";

/** Questions of the whole network lie this far apart, milliseconds ... */
const SHARED_PAUSE_MS = 1_000;
/** ... those of one member at least and at most this far: a few members must not hurry, many not forget. */
const PAUSE_MIN_MS = 5_000;
const PAUSE_MAX_MS = 900_000;
/**
 * With shorter pauses on average the connection is kept, milliseconds: the authority closes one that is idle for 80 s, and
 * in larger networks few members ask at the same time, but all would hold a connection.
 */
const KEPT_PAUSE_MS = 50_000;
/** For one question, milliseconds: nobody waits for it. */
const TIMEOUT_MS = 5_000;
/** After a step of my clock I ask within this, milliseconds, drawn by chance: a whole site may have woken up. */
const SOON_MS = 1_000;

/** What a list says of itself. */
export interface ListDates {
  readonly number: bigint;
  /** Unix milliseconds. */
  readonly nextUpdate: number;
}

export interface RevocationWatchOptions {
  readonly identity: Identity;
  /** Of the authority; empty when there is none to ask, and then no list is expected. */
  readonly urls: readonly string[];
  /** Live members, with me. */
  readonly members: () => number;
  readonly clocks: () => Clocks;
  /** What time it is to the authority, unix milliseconds: it decides after a step of the wall clock (rule R18). */
  readonly onTime: (time: number) => void;
  /** A list to take in; it is checked like anyone's. */
  readonly learn: (statement: Uint8Array) => void;
  readonly onAlarm: (alarm: FirefliesError) => void;
}

export class RevocationWatch {
  readonly #options: RevocationWatchOptions;
  readonly #abort = new AbortController();
  readonly #line = new Line();
  #timer: NodeJS.Timeout | undefined;
  #held: ListDates | undefined;
  #asked = 0;
  /** The list whose age was complained of, once. */
  #stale: bigint | undefined;
  /** The clock has stepped, and the authority has not said yet what time it is. */
  #isInDoubt = false;
  #isAsking = false;

  constructor(options: RevocationWatchOptions) {
    this.#options = options;
  }

  /** Asks at once, and from then on now and then. */
  start(): void {
    if (this.#options.urls.length > 0) void this.#ask();
  }

  stop(): void {
    this.#abort.abort();
    this.#line.close();
    clearTimeout(this.#timer);
  }

  /** A newer list is in force, wherever it came from. */
  seen({ number, nextUpdate }: ListDates): void {
    this.#held = { number, nextUpdate };
  }

  /** My clock has stepped: the authority is asked for the time at once, and often until it answers. */
  doubt(): void {
    const isKnown = this.#isInDoubt;
    this.#isInDoubt = this.#options.urls.length > 0 && !this.#abort.signal.aborted;
    if (this.#isInDoubt && !isKnown && !this.#isAsking) this.#schedule(SOON_MS * Math.random());
  }

  async #ask(): Promise<void> {
    const { identity, urls, clocks, learn } = this.#options;
    this.#asked += 1;
    this.#isAsking = true;
    const place = { urls, fingerprint: fingerprintOf(identity.root) };
    try {
      const line = meanPauseOf(this.#options.members()) <= KEPT_PAUSE_MS ? this.#line : undefined;
      const options = { signal: this.#abort.signal, timeoutMs: TIMEOUT_MS, line };
      const onTime = (time: number) => this.#heard(time);
      const statement = await byEitherClock(clocks(), (now) =>
        fetchRevocations(place, this.#held?.number ?? 0n, { ...options, now, onTime }),
      );
      if (statement !== undefined && !this.#abort.signal.aborted) learn(statement);
      this.#complain();
    } catch (error) {
      this.#complain(asFirefliesError(error, "authority-failed"));
    }
    this.#isAsking = false;
    if (this.#abort.signal.aborted) return;
    this.#schedule(pauseOf(this.#isInDoubt ? 1 : this.#options.members(), Math.random()));
  }

  #heard(time: number): void {
    if (this.#abort.signal.aborted) return;
    this.#isInDoubt = false;
    this.#options.onTime(time);
  }

  #schedule(pause: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#ask(), pause);
    this.#timer.unref();
  }

  /** Once for each list. An authority that is away for a while is none of my business while the list is young. */
  #complain(cause?: FirefliesError): void {
    if (this.#abort.signal.aborted) return;
    const { number, nextUpdate } = this.#held ?? { number: 0n, nextUpdate: 0 };
    if (this.#stale === number || this.#options.clocks().believed <= nextUpdate) return;
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

/** How long one of `members` waits before it asks again, milliseconds; `chance` in [0, 1) spreads them. */
export function pauseOf(members: number, chance: number): number {
  return meanPauseOf(members) * (0.5 + chance);
}

function meanPauseOf(members: number): number {
  return Math.min(PAUSE_MAX_MS, Math.max(PAUSE_MIN_MS, members * SHARED_PAUSE_MS));
}
