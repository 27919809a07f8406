/**
 * What stands between this member and another one: any number of sessions, made by either side, over any paths, of which
 * the best live one is used (ranking.ts). A session serves both ways, so it does not matter who made it.
 */
import type { MemberId } from "../../rings/index.js";
import type { Path } from "../session/path.js";
import type { Session } from "../session/session.js";
import type { DialError } from "../transports/dial-error.js";
import type { Held } from "./held.js";
import { bestOf } from "./ranking.js";

/** Why a member is not reached, and since when. */
export interface Unreached {
  /** Monotonic milliseconds: of the first failure since it was reached last. */
  readonly since: number;
  /** Of the newest failure. */
  readonly at: number;
  readonly error: DialError;
}

export interface LinkOptions {
  readonly id: MemberId;
  /** Of two sessions that crossed, the one that I dialled is kept. */
  readonly dialsFirst: boolean;
  /** Is an open session to be used: certificates and addresses are current? */
  readonly isCurrent: (held: Held) => boolean;
  /** The best path has come, gone (`now` is undefined then), or is another one than before. */
  readonly onPath?: ((now: Path | undefined, before: Path | undefined) => void) | undefined;
}

export class Link {
  readonly id: MemberId;
  /** Why the last dial of its own addresses failed. */
  failure: DialError | undefined;
  readonly #options: LinkOptions;
  /** Open ones, in the order in which they came up. */
  readonly #held = new Set<Held>();
  #unreached: Unreached | undefined;
  #path: Path | undefined;
  #wasReached = false;
  #lookedAt = Number.NEGATIVE_INFINITY;
  #wasDialled = false;
  #isWayProven = false;
  readonly #listeners = new Set<() => void>();

  constructor(options: LinkOptions) {
    this.id = options.id;
    this.#options = options;
  }

  /** The one that serves what is opened now. Of those that answer, if any does. */
  get best(): Held | undefined {
    const only = this.#only;
    if (only !== undefined) return this.#isCurrent(only) ? only : undefined;
    const current = this.#current();
    return this.#soundOf(current) ?? bestOf(current, this.#options.dialsFirst);
  }

  /** As `best`, but none whose far end has gone silent: then another one is worth a dial. */
  get sound(): Held | undefined {
    const only = this.#only;
    if (only !== undefined) return !only.session.isDoubtful && this.#isCurrent(only) ? only : undefined;
    return this.#soundOf(this.#current());
  }

  /** Undefined while there is a session, and before the first dial has failed. */
  get unreached(): Unreached | undefined {
    return this.#unreached;
  }

  /** A session was there, over whatever path: the member is, or was, where it says it is. */
  get wasReached(): boolean {
    return this.#wasReached;
  }

  /** It has answered at an address that was dialled here. */
  get wasDialled(): boolean {
    return this.#wasDialled;
  }

  /**
   * A session was there that shows a way to the member: this side dialled it, or no relay carries it. A session that the member
   * made through relays of mine shows none.
   */
  get isWayProven(): boolean {
    return this.#isWayProven;
  }

  get isEmpty(): boolean {
    return this.#held.size === 0;
  }

  /** Is it time to look whether something is to be closed? Of one session between two hosts no more often than each `paceMs`. */
  isDue(now: number, paceMs: number): boolean {
    const only = this.#only;
    if (only !== undefined && only.path.kind !== "relayed" && now - this.#lookedAt < paceMs) return false;
    this.#lookedAt = now;
    return !this.isEmpty;
  }

  /** Those that are open now, the best one first. */
  get held(): readonly Held[] {
    const { best } = this;
    const others = [...this.#held].reverse().filter((held) => held !== best);
    return best === undefined ? others : [best, ...others];
  }

  get sessions(): readonly Session[] {
    return this.held.map(({ session }) => session);
  }

  /** The ways that are open now, the best one first. */
  get paths(): readonly Path[] {
    return this.held.map(({ path }) => path);
  }

  /** A session has come up. */
  add(held: Held): void {
    this.#held.add(held);
    this.#wasReached = true;
    this.#wasDialled ||= held.path.kind === "direct";
    this.#isWayProven ||= isProof(held.path);
    this.#unreached = undefined;
    this.changed();
  }

  /** Takes the session out; true when it was in use here. */
  remove(held: Held): boolean {
    const wasHere = this.#held.delete(held);
    if (wasHere) this.changed();
    return wasHere;
  }

  /** A dial has failed. */
  failed(error: DialError, now: number): void {
    if (this.best === undefined) this.#unreached = { since: this.#unreached?.since ?? now, at: now, error };
    this.changed();
  }

  /** Calls `listener` when sessions come or go, and when dials fail. Returns the way to stop. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Tells those that are no longer the best, and whoever listens. */
  changed(): void {
    const { best } = this;
    for (const held of this.#held) {
      const isSuperseded = held !== best;
      if (isSuperseded && !held.isSuperseded) held.session.supersede();
      held.isSuperseded = isSuperseded;
    }
    this.#tellPath(best?.path);
    for (const listener of [...this.#listeners]) listener();
  }

  #tellPath(path: Path | undefined): void {
    const before = this.#path;
    this.#path = path;
    const isAnother = path === undefined || before === undefined ? path !== before : !isSameWay(path, before);
    if (isAnother) this.#options.onPath?.(path, before);
  }

  #soundOf(current: readonly Held[]): Held | undefined {
    const sound = current.filter(({ session }) => !session.isDoubtful);
    return bestOf(sound, this.#options.dialsFirst);
  }

  #current(): Held[] {
    return [...this.#held].filter((held) => this.#isCurrent(held));
  }

  #isCurrent(held: Held): boolean {
    return !held.session.closed && !held.isRetired && this.#options.isCurrent(held);
  }

  /** As it is with nearly all members, for whom this is asked with every message. */
  get #only(): Held | undefined {
    if (this.#held.size !== 1) return undefined;
    for (const held of this.#held) return held;
    return undefined;
  }
}

/** Does a session over it show a way to the other end? */
export function isProof({ kind, direction }: Path): boolean {
  return kind !== "relayed" || direction === "dialled";
}

/** Not the same port: that of whoever dials is another one each time. A conduit leads the same way, and faster. */
function isSameWay(a: Path, b: Path): boolean {
  const text = ({ kind, address, via = [] }: Path) => [kind, address.scheme, address.host, ...via].join(" ");
  return text(a) === text(b);
}
