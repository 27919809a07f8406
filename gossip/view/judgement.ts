/**
 * Who is live, judged from what is held (rules R5, R6, R13).
 *
 * The accused set is a function of the evidence and of nothing else; removal is not, because it remembers: an accusation
 * that has been valid for 2 Delta without a break removes its target at that epoch for good. So what one member
 * remembers must never decide whether somebody's accusation of a third one stands: two views with one evidence and
 * different memories would judge it differently for ever, and the accused could not tell that it must answer.
 * The removed are passed over because they stay accused (rule R7).
 */

import { type MemberId, Timers } from "../../rings/index.js";
import { CLOCK_TOLERANCE_MS } from "../clock.js";
import { EPOCH_MAX } from "../limits.js";
import type { Standing } from "../outputs.js";
import type { Random } from "../ports.js";
import { type Accusation, accusationKey } from "../records/accusation.js";
import { PickSet } from "../sample.js";
import { Accused } from "./accused.js";
import type { Evidence } from "./evidence.js";
import type { HeldAccusation } from "./held.js";

/** Removals within this time count towards a longer wait, milliseconds (rule R13). */
export const RETURN_WINDOW_MS = 10 * 60 * 1000;
/** A removal so soon after the one before is the same trouble, milliseconds: one free return is enough. */
export const RETURN_SOON_MS = 2 * 60 * 1000;
/**
 * Returns of one that had left, within the window, that are free: a service that is installed anew a few times in a row comes
 * back at once. A liar that says to some that it goes and to others that it stays soon waits in all views.
 */
const RETURNS_FROM_LEAVE_FREE = 4;
/** After I have first heard of a member, multiples of Delta in which old notes of it may still come before the present one. */
const SETTLING_DELTAS = 2;
/** Removals within the window after which a return is free: of apart ones, and of those that follow soon. */
const RETURN_FREE = { apart: 2, soon: 1 };
/** Removals remembered of one member: with as many the wait is the whole window, for any Delta from 4 ms on. */
const REMOVALS_MAX = 16;
/**
 * The first wait in multiples of Delta: who hears nothing for 20 s of each 40 s is accused again before it is over
 * (docs/claims.md, flip-flops; with 4 Delta it came and went until the fifth removal).
 */
const RETURN_WAIT_DELTAS = 20;

/**
 * After a stall longer than this share of a Delta nobody is removed for as long: what waits in the sockets is read in some
 * milliseconds. Shorter delays come by the dozen on a busy machine, and must not keep the dead in for ever.
 */
const GRACE_DELTAS = 1 / 8;

export interface JudgementOptions {
  readonly evidence: Evidence;
  readonly deltaMs: number;
  /** At least 2 Delta (rule R19). */
  readonly removalMs: number;
}

/** The notes of one member that I have admitted, as far as they follow each other. */
interface Witnessed {
  /** The first of them. What was signed before it is no news. */
  readonly first: bigint;
  readonly last: bigint;
  readonly lastAt: number;
  /** Until then others may still bring me what I missed. */
  readonly settledAt: number;
}

interface Valid {
  since: number;
  readonly accused: MemberId;
  readonly epoch: bigint;
}

/** The last removal of a member. */
interface Removal {
  readonly epoch: bigint;
  /** It has come back since, and waits for it no more: only another removal makes it wait again (rule R13). */
  isAnswered: boolean;
}

/** Who accuses whom on which ring. */
export interface Direction {
  readonly ring: number;
  readonly accuser: MemberId;
  readonly accused: MemberId;
}

/** What an update found. */
export interface Ruling {
  /** All whose standing or note may be another than before; whose is not among them, its is the same. */
  readonly changed: ReadonlySet<MemberId>;
  /** Those that turned by what others say: accused, cleared, removed just now, or at the end of their wait. */
  readonly turned: ReadonlySet<MemberId>;
  readonly removed: readonly MemberId[];
}

export class Judgement {
  readonly #evidence: Evidence;
  readonly #deltaMs: number;
  readonly #removalMs: number;
  readonly #removals = new Map<MemberId, Removal>();
  readonly #removalTimes = new Map<MemberId, number[]>();
  /** When those returned who had left, and after which of their farewells, by its epoch, they last did. */
  readonly #witnessed = new Map<MemberId, Witnessed>();
  readonly #returnTimes = new Map<MemberId, number[]>();
  readonly #returnedFrom = new Map<MemberId, bigint>();
  readonly #waits = new Timers();
  readonly #lost = new PickSet<MemberId>();
  /** Whom the evidence has something new about. */
  readonly #news: Set<MemberId>;
  readonly #accused: Accused;
  /** Since when each accusation has been valid without a break (rule R6), the longest first; by `accusationKey`. */
  readonly #valid = new Map<string, Valid>();
  /** Those in there of each accused. */
  readonly #timed = new Map<MemberId, ReadonlySet<HeldAccusation>>();
  #wall = Number.NEGATIVE_INFINITY;

  constructor(options: JudgementOptions) {
    this.#evidence = options.evidence;
    this.#deltaMs = options.deltaMs;
    this.#removalMs = options.removalMs;
    this.#news = options.evidence.watch();
    this.#accused = new Accused(options.evidence, (id) => this.#evident(id) !== "live");
  }

  standing(id: MemberId): Standing {
    const base = this.#base(id);
    return base === "live" && this.#accused.has(id) ? "suspected" : base;
  }

  isLive(id: MemberId): boolean {
    const standing = this.standing(id);
    return standing === "live" || standing === "suspected";
  }

  /** The gone alone are passed over. */
  readonly skipGone = (id: MemberId): boolean => !this.isLive(id);

  /**
   * For partners: the gone are passed over, but neither the accused nor who waits for its return. Both must hear what is said
   * of them, and from others than liars.
   */
  readonly skipAbsent = (id: MemberId): boolean => !isThere(this.#base(id));

  /** For walks over a ring: the gone and the accused are passed over (protocol section 1). */
  readonly skip = (id: MemberId): boolean => this.standing(id) !== "live";

  /**
   * For walks to whom I monitor. Who waits for its return is monitored: to others it may be live already, and nobody
   * behind it on the ring can be accused past it.
   */
  readonly skipUnwatched = (id: MemberId): boolean => !isThere(this.#base(id)) || this.#accused.has(id);

  /** Does an accusation stand against one who is live or waits for its return? An answer of it ends that. */
  mayAnswer(id: MemberId): boolean {
    return isThere(this.#base(id)) && this.#accused.has(id);
  }

  /**
   * Does this accusation change nothing in my view? It does not when the accused is removed and stays accused by others, nor
   * when it passes over somebody who is there. All monitors of a dead member say such
   * a one when they remove it (rule R7). Pushed, each would reach everybody four times; by reconciliation they come
   * many at a time, and once. In whose view it does change something, that one pushes it on.
   */
  isReserve(accusation: Direction): boolean {
    const { accused } = accusation;
    return (this.#accused.has(accused) && this.#base(accused) === "removed") || !this.mayStand(accusation);
  }

  /** The accusations that stand against a member. */
  charges(id: MemberId): readonly HeldAccusation[] {
    return this.#accused.validAgainst(id);
  }

  /** One of them. */
  charge(id: MemberId): HeldAccusation | undefined {
    return this.charges(id)[0];
  }

  get hasRemoved(): boolean {
    return this.#lost.size > 0;
  }

  /** A removed member, each as likely; undefined when there is none. */
  pickRemoved(random: Random): MemberId | undefined {
    return this.#lost.pick(random);
  }

  accusedIds(): Iterable<MemberId> {
    return this.#accused.ids();
  }

  /** Somebody is on the way to its removal. */
  get hasOpenAccusations(): boolean {
    return this.#valid.size > 0;
  }

  /** When `update` must be called again though nothing was learned; undefined when nothing is pending. */
  get deadline(): number | undefined {
    const waited = this.#waits.deadline;
    if (this.#valid.size === 0) return waited;
    for (const { since } of this.#valid.values()) return Math.min(since + this.#removalMs, waited ?? Infinity);
    return waited;
  }

  /**
   * Could this accusation stand in the view of some correct member? Milder than rule R5, for the accused itself: it also
   * passes over those who only in my memory are gone, and those whose certificate another clock holds as ended.
   */
  mayStand(accusation: Direction): boolean {
    return this.#blockerOf(accusation, (id) => this.mayPass(id)) === undefined;
  }

  /** Would `mayStand` pass over this one? */
  mayPass(id: MemberId): boolean {
    return this.skip(id) || this.#endsSoon(id);
  }

  /** Would it stand if nobody else were accused? */
  standsAlone(accusation: Direction): boolean {
    return this.#blockerOf(accusation, (id) => this.skipGone(id) || this.#endsSoon(id)) === undefined;
  }

  #endsSoon(id: MemberId): boolean {
    const certificate = this.#evidence.note(id)?.certificate;
    return certificate !== undefined && certificate.notAfter < this.#wall + CLOCK_TOLERANCE_MS;
  }

  /**
   * A note of a removed member with a higher epoch was admitted, or of one that had left: does its return wait (rule R13)?
   * True when it begins to.
   */
  noteAdmitted(id: MemberId, now: number): boolean {
    const isWaiting = this.#waits.has(id);
    this.#admitReturn(id, now);
    return !isWaiting && this.#waits.has(id);
  }

  #admitReturn(id: MemberId, now: number): void {
    const note = this.#evidence.note(id);
    if (note) this.#beginAnew(id, note.note.epoch);
    const removal = this.#removals.get(id);
    const farewell = this.#evidence.farewells.epochOf(id);
    if (note && farewell !== undefined && farewell < note.note.epoch) this.#returned(id, farewell, now);
    if (note) this.#witness(id, note.note.epoch, now);
    if (!removal || removal.isAnswered || !note || note.note.epoch <= removal.epoch || this.#waits.has(id)) return;
    const wait = returnWaitMs(this.#removalTimes.get(id) ?? [], now, this.#deltaMs);
    if (wait > 0) this.#waits.set(id, now + wait);
    else removal.isAnswered = true;
  }

  /**
   * Epochs of one member fall when the certificate of its note has ended and it goes on under another (rule R2). What I remember
   * of the high ones holds for none below: else a liar would be removed here for good, and live where nobody saw that.
   */
  #beginAnew(id: MemberId, epoch: bigint): void {
    if (epoch >= (this.#witnessed.get(id)?.last ?? 0n)) return;
    this.#witnessed.delete(id);
    this.#returnedFrom.delete(id);
    const removal = this.#removals.get(id);
    if (removal && removal.epoch >= epoch) this.#removals.set(id, { epoch: epoch - 1n, isAnswered: false });
  }

  /**
   * Did its author return from this farewell just now? Only those count that lie among notes which I admitted one after the
   * other, none of them long after the one before: a liar has all farewells that a correct member ever said, and says them
   * again to whoever has not heard them.
   */
  isReturn(id: MemberId, farewell: bigint): boolean {
    const first = this.#witnessed.get(id)?.first ?? EPOCH_MAX;
    return farewell > first && farewell > (this.#returnedFrom.get(id) ?? -1n);
  }

  #witness(id: MemberId, epoch: bigint, now: number): void {
    const before = this.#witnessed.get(id);
    if (before?.last === epoch) return;
    const settledAt = before?.settledAt ?? now + SETTLING_DELTAS * this.#deltaMs;
    const follows = before !== undefined && now > settledAt && now - before.lastAt <= RETURN_SOON_MS;
    this.#witnessed.set(id, { first: follows ? before.first : epoch, last: epoch, lastAt: now, settledAt });
  }

  /** One that had left is there again. While it waits it has not been back: it waits anew, and no longer. */
  #returned(id: MemberId, farewell: bigint, now: number): void {
    if (!this.isReturn(id, farewell)) return;
    this.#returnedFrom.set(id, farewell);
    const before = this.#returnTimes.get(id) ?? [];
    const times = this.#waits.has(id) ? before : [...before, now];
    const recent = times.filter((at) => at > now - RETURN_WINDOW_MS).slice(-REMOVALS_MAX);
    this.#returnTimes.set(id, recent);
    const wait = waitMs(recent.length - RETURNS_FROM_LEAVE_FREE, this.#deltaMs);
    if (wait > 0) this.#waits.set(id, now + wait);
  }

  /**
   * Time during which this member itself stood still counts for nobody's removal. Answers that came meanwhile wait behind what
   * woke it: after a stall nobody is removed before they can have been read. No accusation is younger than now after that.
   */
  postpone(ms: number, now: number): void {
    const grace = GRACE_DELTAS * this.#deltaMs;
    const earliest = ms > grace ? now + grace - this.#removalMs : Number.NEGATIVE_INFINITY;
    for (const valid of this.#valid.values()) valid.since = Math.min(now, Math.max(valid.since + ms, earliest));
  }

  /** Judges anew. Call after every change of the evidence and when the deadline is reached. */
  update(now: number, wall: number): Ruling {
    // Dates that have passed stay passed, when the clock is set back a little. Further back is a step that is believed.
    this.#wall = wall < this.#wall - CLOCK_TOLERANCE_MS ? wall : Math.max(this.#wall, wall);
    this.#evidence.passTime(this.#wall);
    const waited = this.#endWaits(now);
    const { judged, turned } = this.#accused.update(this.#news);
    this.#news.clear();
    for (const id of judged) this.#time(id, now);
    const removed = this.#remove(now);
    const changed = new Set([...judged, ...waited, ...removed]);
    for (const id of changed) this.#lost.keep(id, this.standing(id) === "removed");
    // Most are gone: the trouble is mine or the network's, and nobody's return shall wait for it (rule R13).
    if (2 * this.#lost.size > this.#evidence.rings.size) this.#removalTimes.clear();
    return { changed, turned: new Set([...turned, ...waited, ...removed]), removed };
  }

  #endWaits(now: number): MemberId[] {
    const ended: MemberId[] = [];
    for (let id = this.#waits.pop(now); id !== undefined; id = this.#waits.pop(now)) ended.push(id as MemberId);
    for (const id of ended) {
      const removal = this.#removals.get(id);
      if (removal) removal.isAnswered = true;
    }
    return ended;
  }

  /** Since when an accusation stands without a break, and who makes it void when it does not. */
  groundOf(held: HeldAccusation): { readonly since: number | undefined; readonly blocker: MemberId | undefined } {
    return { since: this.#valid.get(accusationKey(held.accusation))?.since, blocker: this.#accused.blockerOf(held) };
  }

  /** When the wait of a member for its return ends; undefined while it does not wait. */
  waitsUntil(id: MemberId): number | undefined {
    return this.#waits.at(id);
  }

  /** For how long one who waits for its return still does, whole milliseconds, 1 at least. */
  waitOf(id: MemberId, now: number): number {
    return Math.max(1, Math.ceil((this.#waits.at(id) ?? now) - now));
  }

  forget(id: MemberId): void {
    this.#removals.delete(id);
    this.#removalTimes.delete(id);
    this.#returnTimes.delete(id);
    this.#returnedFrom.delete(id);
    this.#witnessed.delete(id);
    this.#waits.clear(id);
    this.#lost.keep(id, false);
  }

  /** By evidence and memory. */
  #base(id: MemberId): Standing {
    const evident = this.#evident(id);
    if (evident !== "live") return evident;
    const removal = this.#removals.get(id);
    const epoch = this.#evidence.note(id)?.note.epoch;
    if (removal && epoch !== undefined && removal.epoch >= epoch) return "removed";
    return this.#waits.has(id) ? "waiting" : "live";
  }

  /** By evidence alone; "live" for whom neither its own word nor the authority's takes out. */
  #evident(id: MemberId): Standing {
    const held = this.#evidence.note(id);
    const certificate = held?.certificate ?? this.#evidence.currentCertificate(id);
    if (!certificate) return "silent";
    if (this.#evidence.isRevoked(certificate)) return "revoked";
    if (certificate.notAfter + CLOCK_TOLERANCE_MS < this.#wall) return "expired";
    if (this.#evidence.isSilenced(certificate)) return "equivocated";
    if (!held) return "silent";
    return held.note.leaving ? "left" : "live";
  }

  /** The clocks of the accusations against one member: of those that are valid, while it is not removed. */
  #time(id: MemberId, now: number): void {
    const valid = new Set(this.#base(id) === "removed" ? [] : this.#accused.validAgainst(id));
    const before = this.#timed.get(id) ?? new Set();
    // Under a storm most are the same as before: only those that came or went are worth a key.
    const came = keyed([...valid].filter((held) => !before.has(held)));
    const went = keyed([...before].filter((held) => !valid.has(held)));
    // Said again under another certificate of its accuser it is the same one.
    for (const key of went.keys()) if (!came.has(key)) this.#valid.delete(key);
    for (const [key, { accused, epoch }] of came) {
      if (!this.#valid.has(key)) this.#valid.set(key, { since: now, accused, epoch });
    }
    if (valid.size > 0) this.#timed.set(id, valid);
    else this.#timed.delete(id);
  }

  /** The first strictly between accuser and accused that may not be passed over. */
  #blockerOf({ ring, accuser, accused }: Direction, isPassed: (id: MemberId) => boolean): MemberId | undefined {
    for (const id of this.#evidence.rings.between(ring, accuser, accused)) if (!isPassed(id)) return id;
    return undefined;
  }

  /** Rule R6. A removed member was accused before, and both are skipped: nobody else's standing depends on it. */
  #remove(now: number): MemberId[] {
    const removed: MemberId[] = [];
    for (const { since, accused, epoch } of this.#valid.values()) {
      if (since + this.#removalMs > now) break;
      removed.push(accused);
      this.#removals.set(accused, { epoch, isAnswered: false });
      this.#countRemoval(accused, now);
      this.#time(accused, now);
    }
    return removed;
  }

  /** Towards its next wait. Who was waiting has not been back: it begins anew, and no longer than before. */
  #countRemoval(id: MemberId, now: number): void {
    if (this.#waits.has(id)) {
      this.#waits.clear(id);
      return;
    }
    const times = (this.#removalTimes.get(id) ?? []).filter((at) => at > now - RETURN_WINDOW_MS);
    this.#removalTimes.set(id, [...times, now].slice(-REMOVALS_MAX));
  }
}

function keyed(accusations: readonly HeldAccusation[]): Map<string, Accusation> {
  return new Map(accusations.map(({ accusation }) => [accusationKey(accusation), accusation]));
}

function isThere(standing: Standing): boolean {
  return standing === "live" || standing === "waiting";
}

/**
 * Rule R13: nothing for the first removals within the window, then a wait that doubles, up to the window. `removals` are
 * the times of all that are remembered, oldest first.
 */
export function returnWaitMs(removals: readonly number[], now: number, deltaMs: number): number {
  const recent = removals.filter((at) => at > now - RETURN_WINDOW_MS);
  const isSoon = recent.length > 1 && recent.at(-1)! - recent.at(-2)! <= RETURN_SOON_MS;
  return waitMs(recent.length - (isSoon ? RETURN_FREE.soon : RETURN_FREE.apart), deltaMs);
}

/** For the first time beyond the free ones 20 Delta, doubling for each further one, up to the window. */
function waitMs(again: number, deltaMs: number): number {
  return again <= 0 ? 0 : Math.min(RETURN_WINDOW_MS, RETURN_WAIT_DELTAS * deltaMs * 2 ** (again - 1));
}
