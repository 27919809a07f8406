/**
 * Which relayed connections get a conduit: those that carry much. The relay encrypts what passes through its sessions, and what
 * passes through a conduit only its ends do; what is opened from then on goes that way. A few messages are not worth a connection.
 */
import { Pauses } from "../../net/index.js";
import type { MemberId } from "../../rings/index.js";

/** So many bytes of both directions between two looks, about a second, are much: a tenth of what a slow line carries. */
export const BULK_BYTES = 256 * 1024;
/** After a conduit that did not come up, milliseconds, doubled with each further one of the member, from the first to the last. */
const PAUSE_FIRST_MS = 5_000;
const PAUSE_LAST_MS = 10 * 60_000;
/** Connections that are watched; the oldest is forgotten first, and stays as it is. */
const WATCHED_MAX = 1_024;

/** A connection through one relay. */
export interface Carrying {
  /** Bytes of both directions so far. */
  readonly carried: number;
  readonly destroyed: boolean;
}

export interface BulkOptions {
  /** Is the best path to the member a relayed one, and no conduit? */
  readonly isNeeded: (id: MemberId) => boolean;
  /** Makes a session over a conduit. Rejects when none comes of it. */
  readonly open: (id: MemberId, relay: MemberId) => Promise<void>;
  /** Monotonic milliseconds. */
  readonly now: () => number;
}

interface Watched {
  readonly id: MemberId;
  readonly relay: MemberId;
  /** Bytes, at the last look. */
  seen: number;
}

export class Bulk {
  readonly #options: BulkOptions;
  /** There may be several with one member, of which one carries what is open. */
  readonly #watched = new Map<Carrying, Watched>();
  readonly #pauses = new Pauses(PAUSE_FIRST_MS, PAUSE_LAST_MS);
  readonly #opening = new Set<MemberId>();

  constructor(options: BulkOptions) {
    this.#options = options;
  }

  /** A connection to the member was made, through this relay. */
  opened(id: MemberId, relay: MemberId, connection: Carrying): void {
    this.#watched.set(connection, { id, relay, seen: connection.carried });
    const [oldest] = this.#watched.keys();
    if (oldest !== undefined && this.#watched.size > WATCHED_MAX) this.#watched.delete(oldest);
  }

  /** To be called about once a second. */
  look(): void {
    const { isNeeded, now } = this.#options;
    for (const [connection, watched] of this.#watched) {
      const { id, seen } = watched;
      if (connection.destroyed) {
        this.#watched.delete(connection);
        continue;
      }
      watched.seen = connection.carried;
      const isBulk = connection.carried - seen >= BULK_BYTES && isNeeded(id);
      if (isBulk && !this.#opening.has(id) && this.#pauses.isDue(id, now())) void this.#open(watched);
    }
  }

  async #open({ id, relay }: Watched): Promise<void> {
    this.#opening.add(id);
    this.#pauses.tried(id, this.#options.now());
    try {
      await this.#options.open(id, relay);
      this.#pauses.forget(id);
    } catch {
      // What there is goes on, and the next try waits.
    }
    this.#opening.delete(id);
  }
}
