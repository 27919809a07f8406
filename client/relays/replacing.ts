/**
 * A relay ends each connection after a time. Before that another one is made, which serves what begins from then on, so that
 * only what has been open for all that time is cut.
 */
import type { MemberId } from "../../rings/index.js";

/** A share of the time of a connection, after which the next one is made ... */
const REPLACED_AFTER = 0.75;
/** ... and for so long before the end at most, milliseconds. */
const BEFORE_END_MS_MAX = 10 * 60_000;
/**
 * A relay that says less is taken to mean so many milliseconds: else one that says 0 would have each of its connections made
 * anew each second.
 */
const LASTS_MS_MIN = 10_000;
/** Connections that are remembered; the oldest is forgotten first, and ends with its time. */
const REMEMBERED_MAX = 1_024;

export interface ReplacingOptions {
  /** Is the member reached through others, and by nothing better? */
  readonly isNeeded: (id: MemberId) => boolean;
  /** Monotonic milliseconds. */
  readonly now: () => number;
}

interface Due {
  readonly again: () => void;
  readonly at: number;
}

export class Replacing {
  readonly #options: ReplacingOptions;
  readonly #due = new Map<MemberId, Due>();

  constructor(options: ReplacingOptions) {
    this.#options = options;
  }

  /** A connection was made that lasts so long, by the word of its relay. `again` makes another one by the same relays. */
  opened(id: MemberId, toldMs: number, again: () => void): void {
    const lastsMs = Math.max(toldMs, LASTS_MS_MIN);
    const wait = Math.max(lastsMs * REPLACED_AFTER, lastsMs - BEFORE_END_MS_MAX);
    this.#due.delete(id);
    this.#due.set(id, { again, at: this.#options.now() + wait });
    const [oldest] = this.#due.keys();
    if (oldest !== undefined && this.#due.size > REMEMBERED_MAX) this.#due.delete(oldest);
  }

  /** To be called about once a second. */
  look(): void {
    const { isNeeded, now } = this.#options;
    for (const [id, { again, at }] of this.#due) {
      if (now() < at) continue;
      this.#due.delete(id);
      if (isNeeded(id)) again();
    }
  }
}
