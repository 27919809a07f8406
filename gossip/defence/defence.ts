/** My own notes, and my answers to what is said against me (rules R9, R10, R20). */
import {
  affordableAt,
  type Bucket,
  type BucketRate,
  fullBucket,
  isEnabled,
  type MemberId,
  refilled,
  type Timers,
  tolerance,
} from "../../rings/index.js";
import { AWAITING_MAX } from "../limits.js";
import type { Outbox } from "../outputs.js";
import type { Accusation } from "../records/accusation.js";
import type { Note, SignedNote } from "../records/note.js";
import type { Summons } from "../records/packet.js";
import { own } from "../records/verified.js";
import { noteMs, type Settings } from "../settings.js";
import type { Mailer } from "../spreading/mailer.js";
import type { View } from "../view/view.js";
import type { Self } from "./self.js";
import { Testimony } from "./testimony.js";

export interface DefenceParts {
  readonly view: View;
  readonly self: Self;
  readonly mailer: Mailer;
  readonly settings: Settings;
  readonly timers: Timers;
  readonly outbox: Outbox;
}

/**
 * What I cannot judge waits for so much of a Delta: the accusation itself, or the word of those before me, may still come
 * and say which ring to disable.
 */
const GRACE_DELTAS = 1 / 8;

/** Two processes with one identity answer each other's notes about once a second: the alarm is for people, milliseconds. */
const ALARM_PAUSE_MS = 60_000;

export class Defence {
  readonly #parts: DefenceParts;
  readonly #testimony = new Testimony();
  /** Judges that called me, and were told no more than the note that is accused: the next one goes to them. */
  readonly #awaiting = new Set<MemberId>();
  /** What others admit of my notes at once (rule R11), less one: whatever is more would wait at each of them in turn. */
  readonly #rate: BucketRate;
  #budget: Bucket;
  #rebuttedAt = Number.NEGATIVE_INFINITY;
  /** My next note answers somebody who may stand before me, or a note that is not mine. */
  #isUrgent = false;
  #repushUntil = Number.NEGATIVE_INFINITY;
  #alarmedAt = Number.NEGATIVE_INFINITY;
  /** The highest epoch of a note that was made with my key and not by me. */
  #floor = 0n;

  constructor(parts: DefenceParts) {
    this.#parts = parts;
    this.#rate = { burst: tolerance(parts.view.ringCount) + 1, refillMs: noteMs(parts.settings) };
    this.#budget = fullBucket(this.#rate, Number.NEGATIVE_INFINITY);
  }

  /** A well-signed accusation of me, whether or not it could be held. */
  accused(accusation: Accusation, now: number): void {
    const { self, view } = this.#parts;
    if (accusation.epoch !== self.epoch || !isEnabled(self.mask, accusation.ring)) return;
    const precedes = view.judgement.mayStand(accusation);
    if (precedes) self.remember(accusation);
    this.#schedule(now, precedes, precedes ? now : this.#afterGrace(now));
  }

  /** Would I answer it, were it well signed? Not when I am about to. */
  hears(accusation: Accusation): boolean {
    const { self, view, timers } = this.#parts;
    if (accusation.epoch !== self.epoch || !isEnabled(self.mask, accusation.ring)) return false;
    if (!timers.has("rebuttal")) return true;
    return !self.remembers(accusation) && view.judgement.mayStand(accusation);
  }

  /** An accusation whose accuser was no predecessor of mine when it came may stand later: then its ring is to be disabled. */
  answerStanding(now: number): void {
    const { view, self } = this.#parts;
    for (const { accusation } of view.evidence.accusations(view.me)) {
      if (!self.remembers(accusation) && view.judgement.mayStand(accusation)) this.accused(accusation, now);
    }
  }

  /**
   * Rule R20: somebody sees me accused and would remove me. I answer whoever it is, whatever I hold of the accusation. By a
   * call it is answered at once, where my pace allows it; else with my next note.
   */
  summoned(from: MemberId, { ring, epoch }: Summons, isCall: boolean, now: number): void {
    const { self, view, timers } = this.#parts;
    // It holds a note of an earlier life of mine, and has sent it along: I go above that one, and it is told.
    if (isCall && epoch > self.epoch && !self.leaving) this.#await(from);
    if (epoch !== self.epoch || self.leaving || ring < 1 || ring > view.ringCount || !isEnabled(self.mask, ring))
      return;
    this.#parts.outbox.emit({ kind: "noticed", notice: { what: "summoned", by: from, ring, epoch } });
    this.#testimony.hear(from, ring, () => this.#standingOf(from));
    const isProven = this.#testimony.proven(tolerance(view.ringCount)).length > 0;
    this.#schedule(now, isProven, isCall ? now : this.#afterGrace(now));
    if (!isCall) return;
    if (timers.isDue("rebuttal", now)) this.answer(now);
    else this.#await(from);
  }

  #await(judge: MemberId): void {
    if (this.#awaiting.size < AWAITING_MAX) this.#awaiting.add(judge);
  }

  /** The rings on which this member may stand directly before me: also when I hold it as gone, or never heard of it. */
  #standingOf(accuser: MemberId): number[] {
    const { view } = this.#parts;
    const rings = Array.from({ length: view.ringCount }, (_, index) => index + 1);
    return rings.filter((ring) => view.mayPrecede(accuser, ring));
  }

  /** A note under my key that is not my latest: go above it. */
  sawMyNote(note: SignedNote, now: number): void {
    const { self, outbox, view } = this.#parts;
    const { epoch } = note;
    // With another body at my epoch it is half of a proof, which silences me (rule R12). Its signature was checked.
    const mine = view.evidence.note(view.me)?.note;
    if (mine?.epoch === epoch) view.evidence.admitEquivocation([mine, own(note)]);
    if (epoch < self.epoch || epoch <= this.#floor || self.leaving) return;
    // Either I have lost my memory, or someone runs with my key at this moment: then this repeats.
    if (this.#floor > 0n && now - this.#alarmedAt >= ALARM_PAUSE_MS) {
      this.#alarmedAt = now;
      outbox.emit({ kind: "alarm", what: "identity-in-use" });
    }
    this.#floor = epoch;
    this.#schedule(now, true);
  }

  /** An unsigned word of an authenticated member: worth one new note at the strangers' pace, and no more (rules R9, R15). */
  toldGone(epoch: bigint, now: number): void {
    if (!this.#parts.self.leaving && epoch === this.#parts.self.epoch)
      this.#schedule(now, false, this.#afterGrace(now));
  }

  /**
   * My note is due. What only strangers and summonses ask for is spread like any news: a judge that it does not reach calls
   * (rule R20), and liars must not make me call all my neighbours again and again.
   */
  answer(now: number): void {
    this.issueNote(now, this.#isUrgent);
    const { view, self, outbox } = this.#parts;
    const held = view.evidence.note(view.me);
    const statement = held && view.evidence.record(held.digest)?.bytes;
    const { epoch } = self;
    outbox.emit({ kind: "noticed", notice: { what: "answered", member: view.me, epoch, from: undefined, statement } });
  }

  /** Signs my next note and sends it to everybody near, or spreads it. `save` goes out before it where it must. */
  issueNote(now: number, isUrgent = true): void {
    const { self, view, outbox, timers, mailer } = this.#parts;
    const { judgement, me: accused } = view;
    const precedes = (ring: number, accuser: MemberId) => judgement.mayStand({ ring, accuser, accused });
    const alone = (ring: number, accuser: MemberId) => judgement.standsAlone({ ring, accuser, accused });
    const note = self.nextNote(precedes, alone, this.#floor, this.#testimony.proven(tolerance(view.ringCount)));
    if (!note) {
      outbox.emit({ kind: "alarm", what: "epochs-exhausted" });
      return;
    }
    this.#saveMark();
    timers.clear("rebuttal");
    this.#testimony.clear();
    this.#rebuttedAt = now;
    const { tokens, at } = refilled(this.#budget, this.#rate, now);
    this.#budget = { tokens: Math.max(0, tokens - 1), at };
    // Of a member that is revoked nobody takes a note any more, and neither do I.
    if (!view.evidence.admitMine(note)) outbox.emit({ kind: "rejected", from: undefined, what: "note", reason: "own" });
    this.#isUrgent = false;
    this.#answerAwaiting();
    if (isUrgent) {
      this.#repushUntil = now + 2 * this.#parts.settings.deltaMs;
      this.#announce(false, now);
      return;
    }
    const digest = view.evidence.note(view.me)?.digest;
    if (digest) mailer.spread(digest, now);
    mailer.deliver(now);
  }

  /** To the judges that wait for my note, with the certificate that it was signed under. */
  #answerAwaiting(): void {
    const { view, mailer } = this.#parts;
    const digests = view.evidence.introduction(view.me);
    for (const id of this.#awaiting) for (const digest of digests) mailer.post(id, digest);
    this.#awaiting.clear();
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
  #schedule(now: number, isUrgent: boolean, notBefore = now): void {
    const { self, settings, timers } = this.#parts;
    if (self.leaving) return;
    this.#isUrgent ||= isUrgent;
    const pause = isUrgent ? settings.deltaMs / 2 : settings.deltaMs;
    const affordable = Math.min(affordableAt(this.#budget, this.#rate), this.#rebuttedAt + settings.deltaMs);
    timers.setEarlier("rebuttal", Math.max(notBefore, this.#rebuttedAt + pause, affordable));
  }

  #afterGrace(now: number): number {
    return now + GRACE_DELTAS * this.#parts.settings.deltaMs;
  }
}
