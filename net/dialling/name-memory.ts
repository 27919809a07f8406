/** What was learnt about names: addresses for a while, and failures, each longer than the one before. */
import type { DialError } from "../transports/dial-error.js";
import type { Answer } from "./name-query.js";

/**
 * An answer is used at least this long, milliseconds, whatever its servers say: a name must not cost a query per ping
 * ...
 */
const FRESH_MIN_MS = 5_000;
/** ... and at most this long, so that a service which moves is found again. */
const FRESH_MAX_MS = 60_000;
/**
 * How long an old answer serves while no newer one can be had, milliseconds: an outage of DNS cuts nobody off. Other than in
 * RFC 8767 also while servers say that there is no such name, which those of another network or of an empty zone say of all
 * names. Who answers at the old address proves who it is, and that nobody does is evidence; that a name is gone is none.
 */
const USABLE_MS = 60 * 60_000;
/** The first pause after a failed look-up, milliseconds; doubled with every further one ... */
const PAUSE_FIRST_MS = 1_000;
/** ... up to this; a name that is back is found then. */
const PAUSE_MAX_MS = 120_000;
/** For names of the configuration: without them a member does not get in. */
const PAUSE_OF_SELF_MAX_MS = 5_000;
/** Names of one asker that are remembered: two notes full. */
const PER_ASKER_MAX = 16;
/** Names of the configuration. */
const OF_SELF_MAX = 256;
/** Names remembered in all. */
const NAMES_MAX = 4_096;

export interface Entry {
  readonly owner: string;
  readonly addresses: readonly string[];
  readonly freshUntil: number;
  readonly failures: number;
  readonly failedAt: number;
  readonly error?: DialError;
}

export class NameMemory {
  readonly #now: () => number;
  readonly #self: string;
  /** In the order in which they were learnt. */
  readonly #entries = new Map<string, Entry>();
  readonly #owned = new Map<string, Set<string>>();

  /** `self` is the asker of names of the configuration. */
  constructor(now: () => number, self: string) {
    this.#now = now;
    this.#self = self;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** Addresses that may be used without another look-up. */
  fresh(name: string): readonly string[] | undefined {
    const entry = this.#entries.get(name);
    return entry !== undefined && this.#now() < entry.freshUntil ? entry.addresses : undefined;
  }

  /** Addresses that may be used when nothing newer can be had. */
  usable(name: string): readonly string[] | undefined {
    const entry = this.#entries.get(name);
    const isUsable = entry !== undefined && entry.addresses.length > 0 && this.#now() < entry.freshUntil + USABLE_MS;
    return isUsable ? entry.addresses : undefined;
  }

  /** Why the name is not looked up now: that failed a while ago, and nothing that anybody says shortens the wait. */
  refusal(name: string, asker: string): DialError | undefined {
    const entry = this.#entries.get(name);
    if (entry === undefined || entry.failures === 0) return undefined;
    const longest = asker === this.#self ? PAUSE_OF_SELF_MAX_MS : PAUSE_MAX_MS;
    const pause = Math.min(longest, PAUSE_FIRST_MS * 2 ** (entry.failures - 1));
    return this.#now() < entry.failedAt + pause ? entry.error : undefined;
  }

  learn(name: string, asker: string, { addresses, ttlMs }: Answer): void {
    const freshMs = Math.min(Math.max(ttlMs, FRESH_MIN_MS), FRESH_MAX_MS);
    this.#put(name, { owner: asker, addresses, freshUntil: this.#now() + freshMs, failures: 0, failedAt: 0 });
  }

  /** What was known may be used on. */
  fail(name: string, asker: string, error: DialError): void {
    const { addresses = [], freshUntil = 0, failures = 0 } = this.#entries.get(name) ?? {};
    const at = this.#now();
    this.#put(name, {
      owner: asker,
      addresses,
      freshUntil: Math.min(freshUntil, at),
      failures: failures + 1,
      failedAt: at,
      error,
    });
  }

  #put(name: string, entry: Entry): void {
    const before = this.#entries.get(name);
    // The first asker pays for it: a liar that names the host of another member gains nothing.
    const owner = before?.owner ?? entry.owner;
    this.#entries.delete(name);
    this.#entries.set(name, { ...entry, owner });
    const owned = this.#owned.get(owner) ?? new Set();
    this.#owned.set(owner, owned);
    owned.delete(name);
    owned.add(name);
    const [oldestOwned] = owned;
    if (owned.size > (owner === this.#self ? OF_SELF_MAX : PER_ASKER_MAX)) this.#forget(oldestOwned as string);
    const oldest = this.#entries.keys().next().value;
    if (this.#entries.size > NAMES_MAX && oldest !== undefined) this.#forget(oldest);
  }

  #forget(name: string): void {
    const owner = this.#entries.get(name)?.owner;
    this.#entries.delete(name);
    const owned = this.#owned.get(owner ?? "");
    owned?.delete(name);
    if (owned?.size === 0) this.#owned.delete(owner ?? "");
  }
}
