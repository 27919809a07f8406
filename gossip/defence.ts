/** My own notes, and my answers to what is said against me (rules R9, R10). */
import { isEnabled, type MemberId, tolerance } from "../rings/index.js";
import type { Accusation } from "./accusation.js";
import { affordableAt, type Budget, type BudgetRate, fullBudget, refilled } from "./budget.js";
import type { Mailer } from "./mailer.js";
import type { Note } from "./note.js";
import type { Outbox } from "./outbox.js";
import type { Self } from "./self.js";
import type { Settings } from "./settings.js";
import type { Timers } from "./timers.js";
import type { View } from "./view.js";

export interface DefenceParts {
  readonly view: View;
  readonly self: Self;
  readonly mailer: Mailer;
  readonly settings: Settings;
  readonly timers: Timers;
  readonly outbox: Outbox;
}

export class Defence {
  readonly #parts: DefenceParts;
  /** What others admit of my notes at once (rule R11), less one: whatever is more would wait at each of them in turn. */
  readonly #rate: BudgetRate;
  #budget: Budget;
  #rebuttedAt = Number.NEGATIVE_INFINITY;
  #repushUntil = Number.NEGATIVE_INFINITY;
  /** The highest epoch of a note that was made with my key and not by me. */
  #floor = 0n;
  #removedEpoch: bigint | undefined;

  constructor(parts: DefenceParts) {
    this.#parts = parts;
    this.#rate = { burst: tolerance(parts.view.ringCount) + 1, refillMs: parts.settings.gossipMs };
    this.#budget = fullBudget(this.#rate, Number.NEGATIVE_INFINITY);
  }

  /** A well-signed accusation of me, whether or not it could be held. */
  accused(accusation: Accusation, now: number): void {
    const { self, view } = this.#parts;
    if (accusation.epoch !== self.epoch || !isEnabled(self.mask, accusation.ring)) return;
    const precedes = view.judgement.mayStand(accusation);
    if (self.accept(accusation, precedes, now)) this.#schedule(now, precedes);
  }

  /** Would I answer it, were it well signed? Not when I am about to. */
  hears(accusation: Accusation, now: number): boolean {
    const { self, view } = this.#parts;
    if (accusation.epoch !== self.epoch || !isEnabled(self.mask, accusation.ring)) return false;
    return self.hears(accusation, view.judgement.mayStand(accusation), now);
  }

  /**
   * An accusation that I did not answer when it came, because its accuser was no predecessor of mine and over its
   * budget, may stand later, when those between us are accused.
   */
  answerStanding(now: number): void {
    const { view } = this.#parts;
    for (const { accusation } of view.evidence.accusations(view.me)) {
      if (view.judgement.mayStand(accusation)) this.accused(accusation, now);
    }
  }

  /** All that is held against me, once more: strangers over their budget may have some again. */
  reconsider(now: number): void {
    const { view } = this.#parts;
    for (const { accusation } of view.evidence.accusations(view.me)) this.accused(accusation, now);
  }

  /** A note under my key that is not my latest: go above it. */
  sawMyNote(epoch: bigint, now: number): void {
    const { self, outbox } = this.#parts;
    if (epoch < self.epoch || epoch <= this.#floor || self.leaving) return;
    // Either I have lost my memory, or someone runs with my key at this moment: then this repeats.
    if (this.#floor > 0n) outbox.emit({ kind: "alarm", what: "identity-in-use" });
    this.#floor = epoch;
    this.#schedule(now, true);
  }

  /** An unsigned word of an authenticated member: worth one new note within its budget, and no more (rules R9, R15). */
  toldGone(from: MemberId, epoch: bigint, now: number): void {
    const { self, outbox } = this.#parts;
    if (epoch !== self.epoch || self.leaving) return;
    if (self.accept({ ring: 0, accuser: from }, false, now)) this.#schedule(now, false);
    if (this.#removedEpoch === epoch) return;
    this.#removedEpoch = epoch;
    outbox.emit({ kind: "isolated", reason: "removed" });
  }

  /** Signs my next note and sends it to everybody near. `save` goes out before it where it must. */
  issueNote(now: number): void {
    const { self, view, outbox, timers } = this.#parts;
    const precedes = (ring: number, accuser: MemberId) =>
      ring > 0 && view.judgement.mayStand({ ring, accuser, accused: view.me });
    const alone = (ring: number, accuser: MemberId) =>
      ring > 0 && view.judgement.standsAlone({ ring, accuser, accused: view.me });
    const note = self.nextNote(precedes, alone, this.#floor);
    if (!note) {
      outbox.emit({ kind: "alarm", what: "epochs-exhausted" });
      return;
    }
    this.#saveMark();
    timers.clear("rebuttal");
    this.#rebuttedAt = now;
    const { tokens, at } = refilled(this.#budget, this.#rate, now);
    this.#budget = { tokens: Math.max(0, tokens - 1), at };
    view.evidence.admitNote(note);
    this.#repushUntil = now + 2 * this.#parts.settings.deltaMs;
    this.#announce(false, now);
  }

  /** I go on from a note that all others hold. */
  stand(note: Note): void {
    this.#parts.self.adopt(note);
    this.#saveMark();
  }

  #saveMark(): void {
    const mark = this.#parts.self.markToSave();
    if (mark !== undefined) this.#parts.outbox.emit({ kind: "save", mark });
  }

  /**
   * Rule R9: until 2 Delta have passed the note is pushed again, to those that did not answer, and the last time to all:
   * an answer says that the packet arrived, not that a busy or lying neighbour kept what was in it.
   */
  repush(now: number): void {
    const isLast = now + this.#parts.settings.deltaMs / 2 >= this.#repushUntil;
    this.#announce(!isLast, now);
  }

  #announce(again: boolean, now: number): void {
    const { view, mailer, settings, self, timers } = this.#parts;
    const digest = view.evidence.note(view.me)?.digest;
    if (digest) mailer.announce(digest, again);
    mailer.deliver(now);
    const next = now + settings.deltaMs / 2;
    if (next < this.#repushUntil && !self.leaving) timers.set("repush", next);
  }

  /**
   * Rule R9: at most one rebuttal per Delta / 2; what comes in between is answered by the same one. Strangers alone cause
   * one per Delta at most: more would use up the budget that others have for my notes (rule R11), and the answer to a
   * predecessor would come too late. Nor do I ever use it up myself: each who has none left for me holds my note back for an
   * interval, and so does the next one on its way, until it is too late. But no answer waits longer than Delta.
   */
  #schedule(now: number, isUrgent: boolean): void {
    const { self, settings, timers } = this.#parts;
    if (self.leaving) return;
    const pause = isUrgent ? settings.deltaMs / 2 : settings.deltaMs;
    const affordable = Math.min(affordableAt(this.#budget, this.#rate), this.#rebuttedAt + settings.deltaMs);
    timers.setEarlier("rebuttal", Math.max(now, this.#rebuttedAt + pause, affordable));
  }
}
