/**
 * Whether the others have me among them, as far as I can tell: told once when it ends, and once when I am back (rules R12,
 * R13, R15, R17). That I am revoked, expired or have contradicted myself follows from what I hold. That others removed me,
 * or make me wait, is their unsigned word: one of them alone is not believed, unless I have just stood still for so long
 * that they must have.
 */
import { type MemberId, type Timers, tolerance } from "../rings/index.js";
import type { Self } from "./defence/self.js";
import { WORDS_MAX } from "./limits.js";
import type { IsolationReason, Outbox } from "./outputs.js";
import type { Settings } from "./settings.js";
import { RETURN_WINDOW_MS } from "./view/judgement.js";
import type { Roster } from "./view/roster.js";
import type { View } from "./view/view.js";

/** The timer that fires when a word has lost its meaning; `touch` follows. */
const ISOLATION_TIMER = "isolation";
/**
 * That I was removed is worth this many Delta, unless it is said again: my next note is with everybody in one (section 1),
 * and may have to wait for half a one before it (R9).
 */
const REMOVED_DELTAS = 4;
/** Those who said something of me are counted together for this long, milliseconds: in a large network they call one by one. */
const COUNTED_MS = 2 * 60 * 1000;
/** An end that moves by less is the same one, milliseconds. */
const SAME_MS = 1_000;

export interface IsolationParts {
  readonly view: View;
  readonly self: Self;
  readonly roster: Roster;
  readonly timers: Timers;
  readonly outbox: Outbox;
  readonly settings: Settings;
}

interface Word {
  readonly kind: "removed" | "waiting";
  /** Of my note that it is about. */
  readonly epoch: bigint;
  readonly at: number;
  /** When it has lost its meaning, monotonic milliseconds. */
  readonly until: number;
}

interface State {
  readonly reason: IsolationReason;
  /** When a wait ends, monotonic milliseconds. */
  readonly until?: number;
}

export class Isolation {
  readonly #parts: IsolationParts;
  /** The last word of each, the oldest first. */
  readonly #words = new Map<MemberId, Word>();
  #told: State | undefined;
  /** The highest epoch of mine that others spoke of, and what that was when I was back last. */
  #heardEpoch = 0n;
  #overEpoch = 0n;
  /** The last of the others has failed. */
  #isLonely = false;
  #believesOneUntil = Number.NEGATIVE_INFINITY;
  #isStale = false;

  constructor(parts: IsolationParts) {
    this.#parts = parts;
  }

  /**
   * A member says that it holds me as gone at this epoch, or, with `waitMs` above 0, that it holds my note and takes me back
   * after so long (rule R13).
   */
  hear(from: MemberId, epoch: bigint, waitMs: number, now: number): void {
    const { self, settings } = this.#parts;
    // What became of an earlier life of mine is over.
    if (self.leaving || epoch > self.epoch || epoch < (self.firstEpoch ?? epoch + 1n)) return;
    // Those that have not heard my next note yet speak of a removal that was told, and is over.
    if (waitMs === 0 && epoch <= this.#overEpoch) return;
    // An answer to an earlier packet of mine may come after what was said later.
    if (epoch < (this.#words.get(from)?.epoch ?? 0n)) return;
    if (epoch > this.#heardEpoch) this.#heardEpoch = epoch;
    const kind = waitMs > 0 ? "waiting" : "removed";
    const before = this.#words.get(from);
    if (before?.kind !== kind || before.epoch !== epoch)
      this.#parts.outbox.emit({ kind: "noticed", notice: { what: "told-out", by: from, epoch, waitMs } });
    const until = now + (waitMs > 0 ? Math.min(waitMs, RETURN_WINDOW_MS) : REMOVED_DELTAS * settings.deltaMs);
    this.#words.delete(from);
    this.#words.set(from, { kind, epoch, at: now, until });
    const [oldest] = this.#words.keys();
    if (oldest !== undefined && this.#words.size > WORDS_MAX) this.#words.delete(oldest);
    this.#isStale = true;
  }

  /** A member has answered, and said nothing of the kind: its earlier word is over. */
  cleared(from: MemberId, now: number): void {
    const word = this.#words.get(from);
    if (!word || word.until <= now) return;
    this.#words.set(from, { ...word, until: now });
    this.#isStale = true;
  }

  /** I stood still for so long. */
  stalled(ms: number, now: number): void {
    if (ms > this.#parts.settings.removalMs) this.#believesOneUntil = now + COUNTED_MS;
  }

  /** The last of the others has failed. */
  lonely(): void {
    this.#isLonely = true;
    this.#isStale = true;
  }

  /** What is held, or who is there, has changed. */
  touch(): void {
    this.#isStale = true;
  }

  /** Tells what is new. */
  tell(now: number): void {
    const { outbox, self } = this.#parts;
    if (self.leaving || !this.#isStale) return;
    this.#isStale = false;
    const state = this.#find(now);
    const told = this.#told;
    this.#told = state;
    if (state && !isSame(state, told)) outbox.emit({ kind: "isolated", ...state });
    if (state || !told) return;
    this.#overEpoch = this.#heardEpoch;
    outbox.emit({ kind: "back", reason: told.reason });
  }

  #find(now: number): State | undefined {
    const { view, roster } = this.#parts;
    const standing = view.judgement.standing(view.me);
    if (roster.size > 0) this.#isLonely = false;
    this.#expire(now);
    if (standing === "revoked" || standing === "expired" || standing === "equivocated") return { reason: standing };
    if (this.#isLonely) return { reason: "nobody" };
    const words = [...this.#words.values()];
    const ends = words.filter(({ kind, until }) => kind === "waiting" && until > now).map(({ until }) => until);
    // Of so many at least one does not lie, and waits for no longer.
    const until = ends.sort((a, b) => b - a)[this.#enough(now) - 1];
    if (until !== undefined) return { reason: "waiting", until };
    const isRemoved = words.some(({ kind, until }) => kind === "removed" && until > now);
    return isRemoved && words.length >= this.#enough(now) ? { reason: "removed" } : undefined;
  }

  /** How many must say so: one more than may lie, or half of those who are there, if that is less. */
  #enough(now: number): number {
    const { view, roster } = this.#parts;
    if (now < this.#believesOneUntil) return 1;
    return Math.max(1, Math.min(tolerance(view.ringCount) + 1, Math.ceil(roster.size / 2)));
  }

  #expire(now: number): void {
    const { timers } = this.#parts;
    timers.clear(ISOLATION_TIMER);
    for (const [id, { at, until }] of this.#words) {
      if (until > now) timers.setEarlier(ISOLATION_TIMER, until);
      else if (at + COUNTED_MS <= now) this.#words.delete(id);
    }
  }
}

function isSame(one: State, other: State | undefined): boolean {
  return one.reason === other?.reason && Math.abs((one.until ?? 0) - (other.until ?? 0)) < SAME_MS;
}
