/**
 * Tells of members that others see live and that this one cannot reach: half a network that cannot talk to each other is an
 * operator's business, and the view does not show it.
 */
import { FirefliesError } from "../../identity/index.js";
import type { Destination, Links } from "../../net/index.js";
import type { MemberId } from "../../rings/index.js";

/** From the first failure to one that is alarming, milliseconds: a crashed member is out of the view before. */
const ALARM_AFTER_MS = 10_000;
/** A member that is not reached is tried again by and by, milliseconds: nobody else may have a reason to. */
const RETRY_MS = 5_000;
/** Tries at once: in a network that is split they are many. */
const RETRIES_MAX = 4;
/** For one try, milliseconds. */
const RETRY_TIMEOUT_MS = 3_000;

export interface ReachWatchOptions {
  readonly links: Pick<Links, "unreached" | "reach">;
  /** Monotonic milliseconds. */
  readonly now: () => number;
  /** Where the member is to be reached, while it is in the view. */
  readonly destination: (id: MemberId) => Destination | undefined;
  /** The member in a sentence. */
  readonly title: (id: MemberId) => string;
  readonly onAlarm: (error: FirefliesError) => void;
}

export class ReachWatch {
  readonly #options: ReachWatchOptions;
  /** Of whom an alarm was raised; forgotten when they are reached, or gone. */
  readonly #told = new Set<MemberId>();
  #retries = 0;

  constructor(options: ReachWatchOptions) {
    this.#options = options;
  }

  /** To be called about once a second. */
  look(): void {
    const { links, now, destination } = this.#options;
    const unreached = new Map(links.unreached());
    for (const id of this.#told) if (!unreached.has(id)) this.#told.delete(id);
    for (const [id, { since, at, error }] of unreached) {
      const to = destination(id);
      if (to === undefined) continue;
      if (now() - at > RETRY_MS) this.#retry(to);
      if (at - since > ALARM_AFTER_MS && !this.#told.has(id)) this.#tell(id, error);
    }
  }

  #tell(id: MemberId, error: FirefliesError): void {
    this.#told.add(id);
    const message = `Other members see ${this.#options.title(id)} live, and this one has not reached it for ${ALARM_AFTER_MS / 1000} s: ${error.message}`;
    this.#options.onAlarm(new FirefliesError("member-unreachable", message, { cause: error }));
  }

  #retry(to: Destination): void {
    if (this.#retries >= RETRIES_MAX) return;
    this.#retries++;
    const deadline = this.#options.now() + RETRY_TIMEOUT_MS;
    this.#options.links
      .reach(to, { deadline })
      .catch(() => {}) // The link remembers it.
      .finally(() => this.#retries--);
  }
}
