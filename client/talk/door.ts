/**
 * Who may begin something with this program, and when: not before its `start` has resolved, and no member that `members()` does
 * not know. What comes earlier waits: a member that has just joined speaks to others before each of them has heard of it.
 */
import { FirefliesError, type MemberCertificate, titleOf } from "../../identity/index.js";
import type { ByteDuplex } from "../../net/index.js";
import type { MemberId } from "../../rings/index.js";

/**
 * Milliseconds that somebody unknown is waited for, once the program has started: news of a member are everywhere within a
 * second, and with a lost packet or two within this.
 */
const UNKNOWN_WAIT_MS = 3_000;
/** Duplexes that wait, of all members; each session has a few at most, and what waits in them is counted there. */
const WAITING_MAX = 1_024;

export interface DoorOptions {
  /** Is this member in the view, as the program sees it? */
  readonly isKnown: (id: MemberId) => boolean;
  /** Why a member may not talk to me, whatever it waits for. */
  readonly refusal: (peer: MemberCertificate) => FirefliesError | undefined;
}

interface Waiting {
  readonly peer: MemberCertificate;
  readonly duplex: ByteDuplex;
  readonly accept: () => void;
  timer?: NodeJS.Timeout;
}

export class Door {
  readonly #options: DoorOptions;
  readonly #waiting = new Set<Waiting>();
  #isOpen = false;
  /** What all are told since the member stops. */
  #closed: FirefliesError | undefined;

  constructor(options: DoorOptions) {
    this.#options = options;
  }

  /** Lets it in by calling `accept`, now or later, or destroys it with the reason. */
  take(peer: MemberCertificate, duplex: ByteDuplex, accept: () => void): void {
    const waiting: Waiting = { peer, duplex, accept };
    if (this.#decide(waiting)) return;
    if (this.#waiting.size >= WAITING_MAX) {
      duplex.destroy(new FirefliesError("overloaded"));
      return;
    }
    this.#waiting.add(waiting);
    duplex.once("close", () => this.#forget(waiting));
    if (this.#isOpen) this.#limit(waiting);
  }

  /** The program has started. */
  open(): void {
    this.#isOpen = true;
    for (const waiting of [...this.#waiting]) if (!this.#decide(waiting)) this.#limit(waiting);
  }

  /** This member is in the view from now on, or out of it. */
  changed(id: MemberId): void {
    for (const waiting of [...this.#waiting]) if (waiting.peer.id === id) this.#decide(waiting);
  }

  /** Ends what waits, and lets nobody in any more. */
  close(error: FirefliesError): void {
    this.#closed = error;
    for (const { duplex } of [...this.#waiting]) duplex.destroy(error);
  }

  /** False while it has to wait. */
  #decide(waiting: Waiting): boolean {
    const { peer, duplex, accept } = waiting;
    const refusal = this.#closed ?? this.#options.refusal(peer);
    if (refusal !== undefined) {
      this.#forget(waiting);
      duplex.destroy(refusal);
      return true;
    }
    if (!this.#isOpen || !this.#options.isKnown(peer.id)) return false;
    this.#forget(waiting);
    accept();
    return true;
  }

  #limit(waiting: Waiting): void {
    const { peer, duplex } = waiting;
    const late = () =>
      duplex.destroy(new FirefliesError("peer-removed", `Member ${titleOf(peer)} is not in the view.`));
    waiting.timer = setTimeout(late, UNKNOWN_WAIT_MS);
  }

  #forget(waiting: Waiting): void {
    clearTimeout(waiting.timer);
    this.#waiting.delete(waiting);
  }
}
