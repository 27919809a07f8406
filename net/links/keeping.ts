/** Links that are held open, by configuration: they are made at once, and again with pauses when they are lost. */
import type { MemberId } from "../../rings/index.js";
import { Pauses } from "./pauses.js";
import type { Destination } from "./reaching.js";

/**
 * Links held open at most: three quarters of the sessions that a member keeps (DIALLED_MAX in links.ts). Of more, those
 * that come first.
 */
export const KEPT_MAX = 384;
/** Between two tries, milliseconds: doubled from the first to the last, so that a member that is back is reached soon. */
const PAUSE_FIRST_MS = 1_000;
const PAUSE_LAST_MS = 60_000;
/** Tries at once: at a start, or after an outage of the network, all are due. */
const TRIES_MAX = 16;

export type Kept = Destination & { readonly id: MemberId };

export interface KeepingOptions {
  /** Members with whom a link is to be held open; they are in the view. */
  readonly wanted: () => Iterable<Kept>;
  /** Is there a session that answers? */
  readonly isThere: (id: MemberId) => boolean;
  /** Never called for a member while its try runs. */
  readonly reach: (to: Kept) => Promise<unknown>;
  /** Monotonic milliseconds. */
  readonly now: () => number;
}

export class Keeping {
  readonly #options: KeepingOptions;
  readonly #pauses = new Pauses(PAUSE_FIRST_MS, PAUSE_LAST_MS);
  readonly #trying = new Set<MemberId>();
  #kept: ReadonlySet<MemberId> = new Set();

  constructor(options: KeepingOptions) {
    this.#options = options;
  }

  isKept(id: MemberId): boolean {
    return this.#kept.has(id);
  }

  /** To be called about once a second. */
  look(): void {
    const kept = new Set<MemberId>();
    for (const to of this.#options.wanted()) {
      if (kept.size >= KEPT_MAX) break;
      kept.add(to.id);
      this.#see(to);
    }
    this.#kept = kept;
  }

  /** The member has new addresses, or I have: whoever could not be reached may be now. */
  moved(id?: MemberId): void {
    this.#pauses.forget(id);
  }

  #see(to: Kept): void {
    const { isThere, reach, now } = this.#options;
    if (isThere(to.id)) {
      this.#pauses.forget(to.id);
      return;
    }
    if (this.#trying.size >= TRIES_MAX || this.#trying.has(to.id) || !this.#pauses.isDue(to.id, now())) return;
    this.#pauses.tried(to.id, now());
    this.#trying.add(to.id);
    reach(to)
      .catch(() => {}) // The link remembers it.
      .finally(() => this.#trying.delete(to.id));
  }
}
