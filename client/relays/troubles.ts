/** What relays did instead of passing connections on, as this member saw it: figures by relay, for those who run it. */
import { RELAY_FAILURES, type RelayFailure } from "../../net/index.js";
import type { MemberId } from "../../rings/index.js";
import type { RelayTrouble } from "../types.js";

/** Relays remembered; the one without news for longest is forgotten first. */
const RELAYS_MAX = 64;
/** Members remembered of each. */
const MEMBERS_MAX = 64;
/** A failure explains the change of a path that follows within so many milliseconds. */
const FRESH_MS = 1_000;

interface Deeds {
  readonly counts: Map<RelayFailure, number>;
  readonly members: Set<MemberId>;
  at: number;
}

export class Troubles {
  readonly #wall: () => number;
  readonly #byRelay = new Map<MemberId, Deeds>();
  #newest:
    | { readonly member: MemberId; readonly relay: MemberId; readonly what: RelayFailure; readonly at: number }
    | undefined;

  /** `wall`: Unix milliseconds. */
  constructor(wall: () => number) {
    this.#wall = wall;
  }

  /** This relay did this with a connection to this member. */
  add(relay: MemberId, member: MemberId, what: RelayFailure): void {
    const at = this.#wall();
    const deeds = this.#byRelay.get(relay) ?? { counts: new Map(), members: new Set(), at };
    deeds.at = at;
    deeds.counts.set(what, (deeds.counts.get(what) ?? 0) + 1);
    if (deeds.members.size < MEMBERS_MAX) deeds.members.add(member);
    this.#byRelay.delete(relay);
    this.#byRelay.set(relay, deeds);
    const [oldest] = this.#byRelay.keys();
    if (oldest !== undefined && this.#byRelay.size > RELAYS_MAX) this.#byRelay.delete(oldest);
    this.#newest = { member, relay, what, at };
  }

  /** Why the path to this member has just changed, if a relay is why. */
  why(member: MemberId): { readonly relay: MemberId; readonly what: RelayFailure } | undefined {
    const newest = this.#newest;
    if (newest?.member !== member || this.#wall() - newest.at > FRESH_MS) return undefined;
    return { relay: newest.relay, what: newest.what };
  }

  /** Those with the newest first. */
  get all(): readonly RelayTrouble[] {
    return [...this.#byRelay].reverse().map(([id, { counts, members, at }]) => ({
      id,
      failures: Object.fromEntries(
        RELAY_FAILURES.flatMap((what) => (counts.has(what) ? [[what, counts.get(what)]] : [])),
      ),
      members: members.size,
      at,
    }));
  }
}
