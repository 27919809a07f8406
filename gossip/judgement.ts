/**
 * Who is live, judged from what is held (rules R5, R6, R13).
 *
 * The accused set is a function of the evidence and of nothing else; removal is not, because it remembers: an accusation
 * that has been valid for 2 Delta without a break removes its target at that epoch for good. So what one member
 * remembers must never decide whether somebody's accusation of a third one stands: two views with one evidence and
 * different memories would judge it differently for ever, and the accused could not tell that it must answer.
 * The removed are passed over because they stay accused (rule R7).
 */
import type { MemberId } from "../rings/index.js";
import { accusationKey } from "./accusation.js";
import { CLOCK_TOLERANCE_MS, type Evidence, type HeldAccusation } from "./evidence.js";

/** How a member stands in this view. The first two are live; all others are skipped on every ring. */
export type Standing =
  | "live"
  /** A valid accusation stands against its latest note. */
  | "suspected"
  /** Removed at its latest epoch after 2 Delta of accusation. */
  | "removed"
  /** Came back from its third removal within ten minutes or a later one, and must wait (rule R13). */
  | "waiting"
  | "left"
  | "revoked"
  | "expired"
  | "equivocated"
  /** A certificate is held, but no note: never heard of. */
  | "silent";

/** Removals within this time count towards a longer wait, milliseconds (rule R13). */
export const RETURN_WINDOW_MS = 10 * 60 * 1000;
/** From this many removals within the window on, a return waits. */
const RETURN_FREE_REMOVALS = 3;
/** Removals remembered of one member: with as many the wait is the whole window, for any Delta from 20 ms on. */
const REMOVALS_MAX = 16;
/** The first wait in multiples of Delta: longer than one detection, so that a flapping member skips a cycle. */
const RETURN_WAIT_DELTAS = 4;

export interface JudgementOptions {
  readonly evidence: Evidence;
  readonly deltaMs: number;
  /** At least 2 Delta (rule R19). */
  readonly removalMs: number;
}

/** Who accuses whom on which ring. */
interface Direction {
  readonly ring: number;
  readonly accuser: MemberId;
  readonly accused: MemberId;
}

/** What an update found: members whose standing may have changed, and those removed just now. */
export interface Ruling {
  readonly touched: ReadonlySet<MemberId>;
  readonly removed: readonly MemberId[];
}

export class Judgement {
  readonly #evidence: Evidence;
  readonly #deltaMs: number;
  readonly #removalMs: number;
  readonly #removedEpochs = new Map<MemberId, bigint>();
  readonly #removalTimes = new Map<MemberId, number[]>();
  readonly #waits = new Map<MemberId, number>();
  #accused: ReadonlySet<MemberId> = new Set();
  /** Since when each accusation has been valid without a break (rule R6). */
  #valid = new Map<string, { readonly since: number; readonly held: HeldAccusation }>();
  /**
   * Who stood in an accusation's way the last time. Places on a ring never change: while this one may not be passed over,
   * the accusation is void, and the ring need not be walked. Liars can keep tens of thousands of void ones held.
   */
  readonly #blockers = new WeakMap<HeldAccusation, MemberId>();
  /** Of the update that is under way. */
  readonly #gone = new Map<MemberId, boolean>();
  #wall = 0;

  constructor(options: JudgementOptions) {
    this.#evidence = options.evidence;
    this.#deltaMs = options.deltaMs;
    this.#removalMs = options.removalMs;
  }

  standing(id: MemberId): Standing {
    const base = this.#base(id);
    return base === "live" && this.#accused.has(id) ? "suspected" : base;
  }

  isLive(id: MemberId): boolean {
    const standing = this.standing(id);
    return standing === "live" || standing === "suspected";
  }

  /** Does anything stand against anybody? */
  get hasAccused(): boolean {
    return this.#accused.size > 0;
  }

  /** The gone alone are passed over. */
  readonly skipGone = (id: MemberId): boolean => !this.isLive(id);

  /** For walks over a ring: the gone and the accused are passed over (protocol section 1). */
  readonly skip = (id: MemberId): boolean => this.standing(id) !== "live";

  /**
   * For walks to whom I monitor. Who waits for its return is monitored: to others it may be live already, and nobody
   * behind it on the ring can be accused past it.
   */
  readonly skipUnwatched = (id: MemberId): boolean => {
    const base = this.#base(id);
    return (base !== "live" && base !== "waiting") || this.#accused.has(id);
  };

  removedIds(): Iterable<MemberId> {
    return this.#removedEpochs.keys();
  }

  accusedIds(): Iterable<MemberId> {
    return this.#accused;
  }

  /** Somebody is on the way to its removal. */
  get hasOpenAccusations(): boolean {
    return this.#valid.size > 0;
  }

  /** When `update` must be called again though nothing was learned; undefined when nothing is pending. */
  get deadline(): number | undefined {
    let earliest: number | undefined;
    for (const { since } of this.#valid.values()) earliest = Math.min(earliest ?? Infinity, since + this.#removalMs);
    for (const until of this.#waits.values()) earliest = Math.min(earliest ?? Infinity, until);
    return earliest;
  }

  /**
   * Could this accusation stand in the view of some correct member? Milder than rule R5, for the accused itself: it also
   * passes over those who only in my memory are gone, and those whose certificate another clock holds as ended.
   */
  mayStand(accusation: Direction): boolean {
    return this.#blockerOf(accusation, (id) => this.skip(id) || this.#endsSoon(id)) === undefined;
  }

  #endsSoon(id: MemberId): boolean {
    const certificate = this.#evidence.note(id)?.certificate;
    return certificate !== undefined && certificate.notAfter < this.#wall + CLOCK_TOLERANCE_MS;
  }

  /** A note of a removed member with a higher epoch was admitted: does its return wait (rule R13)? */
  noteAdmitted(id: MemberId, now: number): void {
    const removedAt = this.#removedEpochs.get(id);
    const note = this.#evidence.note(id);
    if (removedAt === undefined || !note || note.note.epoch <= removedAt || this.#waits.has(id)) return;
    const recent = (this.#removalTimes.get(id) ?? []).filter((at) => at > now - RETURN_WINDOW_MS).length;
    const wait = returnWaitMs(recent, this.#deltaMs);
    if (wait > 0) this.#waits.set(id, now + wait);
  }

  /** Time during which this member itself stood still counts for nobody's removal. */
  postpone(ms: number): void {
    for (const [key, { since, held }] of this.#valid) this.#valid.set(key, { since: since + ms, held });
  }

  /** Judges anew. Call after every change of the evidence and when the deadline is reached. */
  update(now: number, wall: number): Ruling {
    this.#wall = wall;
    const touched = new Set<MemberId>();
    for (const [id, until] of this.#waits) if (until <= now && this.#waits.delete(id)) touched.add(id);
    this.#accuse(now, touched);
    return { touched, removed: this.#remove(now, touched) };
  }

  forget(id: MemberId): void {
    this.#removedEpochs.delete(id);
    this.#removalTimes.delete(id);
    this.#waits.delete(id);
  }

  /** By evidence and memory. */
  #base(id: MemberId): Standing {
    const evident = this.#evident(id);
    if (evident !== "live") return evident;
    const removedAt = this.#removedEpochs.get(id);
    const epoch = this.#evidence.note(id)?.note.epoch;
    if (removedAt !== undefined && epoch !== undefined && removedAt >= epoch) return "removed";
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

  /** By evidence alone, asked once per update. */
  #isGone(id: MemberId): boolean {
    const known = this.#gone.get(id);
    if (known !== undefined) return known;
    const isGone = this.#evident(id) !== "live";
    this.#gone.set(id, isGone);
    return isGone;
  }

  /** Rule R5: the least fixpoint, then the accusations that are valid in it, each with its clock. */
  #accuse(now: number, touched: Set<MemberId>): void {
    const open: MemberId[] = [];
    this.#gone.clear();
    for (const id of this.#evidence.accusedIds()) if (!this.#isGone(id)) open.push(id);
    const accused = this.#leastFixpoint(open);
    const valid = new Map<string, { since: number; held: HeldAccusation }>();
    for (const id of accused) {
      if (this.#base(id) === "removed") continue;
      for (const held of this.#evidence.accusations(id)) {
        if (!this.#isValid(held, accused)) continue;
        const key = accusationKey(held.accusation);
        valid.set(key, { since: this.#valid.get(key)?.since ?? now, held });
      }
    }
    for (const id of accused) if (!this.#accused.has(id)) touched.add(id);
    for (const id of this.#accused) if (!accused.has(id)) touched.add(id);
    this.#accused = accused;
    this.#valid = valid;
  }

  #leastFixpoint(open: readonly MemberId[]): Set<MemberId> {
    const accused = new Set<MemberId>();
    for (let before = -1; before !== accused.size; ) {
      before = accused.size;
      for (const id of open) {
        if (accused.has(id)) continue;
        if (this.#evidence.accusations(id).some((held) => this.#isValid(held, accused))) accused.add(id);
      }
    }
    return accused;
  }

  #isValid(held: HeldAccusation, accused: ReadonlySet<MemberId>): boolean {
    const isPassed = (id: MemberId) => accused.has(id) || this.#isGone(id);
    const known = this.#blockers.get(held);
    if (known !== undefined && !isPassed(known)) return false;
    const blocker = this.#blockerOf(held.accusation, isPassed);
    if (blocker !== undefined) this.#blockers.set(held, blocker);
    return blocker === undefined;
  }

  /** The first strictly between accuser and accused that may not be passed over. */
  #blockerOf({ ring, accuser, accused }: Direction, isPassed: (id: MemberId) => boolean): MemberId | undefined {
    for (const id of this.#evidence.rings.between(ring, accuser, accused)) if (!isPassed(id)) return id;
    return undefined;
  }

  /** Rule R6. A removed member was accused before, and both are skipped: nobody else's standing depends on it. */
  #remove(now: number, touched: Set<MemberId>): MemberId[] {
    const removed: MemberId[] = [];
    for (const [key, { since, held }] of this.#valid) {
      const id = held.accusation.accused;
      if (since + this.#removalMs > now) continue;
      this.#valid.delete(key);
      if (removed.includes(id)) continue;
      removed.push(id);
      touched.add(id);
      this.#removedEpochs.set(id, held.accusation.epoch);
      this.#waits.delete(id);
      const times = (this.#removalTimes.get(id) ?? []).filter((at) => at > now - RETURN_WINDOW_MS);
      this.#removalTimes.set(id, [...times, now].slice(-REMOVALS_MAX));
    }
    for (const [key, { held }] of this.#valid) if (removed.includes(held.accusation.accused)) this.#valid.delete(key);
    return removed;
  }
}

/** Rule R13: nothing for the first two removals within the window, then a wait that doubles, up to the window. */
export function returnWaitMs(recentRemovals: number, deltaMs: number): number {
  if (recentRemovals < RETURN_FREE_REMOVALS) return 0;
  return Math.min(RETURN_WINDOW_MS, RETURN_WAIT_DELTAS * deltaMs * 2 ** (recentRemovals - RETURN_FREE_REMOVALS));
}
