/**
 * What stands between this member and another one: any number of sessions, made by either side, of which the best is used.
 * A session that I dialled is preferred. One that the other side made serves where mine cannot be made: behind a NAT, or
 * while my dials fail.
 */
import type { MemberCertificate } from "../../identity/index.js";
import type { MemberId } from "../../rings/index.js";
import type { Path } from "../session/path.js";
import type { Session } from "../session/session.js";
import type { DialError } from "../transports/dial-error.js";

/** A session with what is to be remembered of it. */
export interface Held {
  readonly session: Session;
  /** The certificate of mine that it was made with. */
  readonly own: MemberCertificate;
  /** That the member had when it was dialled; empty for a session that it made. */
  readonly addresses: readonly string[];
  /** Monotonic milliseconds. */
  usedAt: number;
}

/** Why a member is not reached, and since when. */
export interface Unreached {
  /** Monotonic milliseconds: of the first failure since it was reached last. */
  readonly since: number;
  /** Of the newest failure. */
  readonly at: number;
  readonly error: DialError;
}

export class Link {
  readonly id: MemberId;
  /** The session that I dialled. */
  #dialled: Held | undefined;
  /** Made by the other side; the newest last. */
  readonly #accepted = new Set<Held>();
  #unreached: Unreached | undefined;
  #wasDialled = false;
  /** My dials fail: what the other side made is used without waiting for them. */
  #isReversed = false;
  readonly #listeners = new Set<() => void>();

  constructor(id: MemberId) {
    this.id = id;
  }

  get dialled(): Held | undefined {
    return this.#dialled;
  }

  /** The newest session that the other side made and that `isUsable` allows. */
  accepted(isUsable: (held: Held) => boolean): Held | undefined {
    return [...this.#accepted].reverse().find((held) => !held.session.closed && isUsable(held));
  }

  get isReversed(): boolean {
    return this.#isReversed;
  }

  /** Undefined while there is a session, and before the first dial has failed. */
  get unreached(): Unreached | undefined {
    return this.#unreached;
  }

  /** I had a session that I dialled: its addresses led to it. A session that the member made says nothing of them. */
  get wasDialled(): boolean {
    return this.#wasDialled;
  }

  /** The ways that are open now, the preferred one first. */
  get paths(): readonly Path[] {
    return this.sessions.filter(({ closed }) => !closed).map(({ path }) => path);
  }

  get sessions(): readonly Session[] {
    return this.held.map(({ session }) => session);
  }

  get held(): readonly Held[] {
    return [...(this.#dialled ? [this.#dialled] : []), ...[...this.#accepted].reverse()];
  }

  /** Returns the one that it replaces. */
  dial(held: Held): Held | undefined {
    const before = this.#dialled;
    this.#dialled = held;
    this.#wasDialled = true;
    this.#unreached = undefined;
    this.#isReversed = false;
    this.#changed();
    return before;
  }

  accept(held: Held): void {
    this.#accepted.add(held);
    this.#unreached = undefined;
    this.#changed();
  }

  /** Takes the session out; true when it was in use here. */
  lost(held: Held): boolean {
    const isMine = this.#dialled === held;
    if (isMine) this.#dialled = undefined;
    const isLost = this.#accepted.delete(held) || isMine;
    if (isLost) this.#changed();
    return isLost;
  }

  /** A dial has failed. */
  failed(error: DialError, now: number, hasAccepted: boolean): void {
    this.#isReversed = hasAccepted;
    if (!hasAccepted) this.#unreached = { since: this.#unreached?.since ?? now, at: now, error };
    this.#changed();
  }

  /** Calls `listener` when sessions come or go, and when dials fail. Returns the way to stop. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #changed(): void {
    for (const listener of [...this.#listeners]) listener();
  }
}
