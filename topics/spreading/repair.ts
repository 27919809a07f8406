/**
 * Members of a topic compare what they hold of each log, and pull what they miss from any of them, also when the publisher is
 * dead. After a change a member tells its ring neighbours in the topic how far it is, and again after longer and longer times,
 * until each has said that it is as far: then nothing is sent any more.
 *
 * One pull of a log is under way at a time. Who does not answer it in time, or says that it does not hold what it announced, is
 * asked last; so a liar costs one pull time, and the next that is asked may be a correct one. Who answers drop by drop
 * has twenty of them.
 */
import { Buckets, type MemberId, Shares, type Timers } from "../../rings/index.js";
import type { HeldLog } from "../holding/held-log.js";
import type { Shelf } from "../holding/shelf.js";
import type { Keeping } from "../keeping.js";
import {
  CLAIMS_MAX,
  FAILURES_MAX,
  FORK_PULLS_MAX,
  HEARSAY_PULL_REFILL_MS,
  HEARSAY_PULLS_BURST,
  MEMBERS_COUNTED_MAX,
  PULL_BYTES_MAX,
  PULL_TIMES_MAX,
  REFUSED_MS_MAX,
  STRANGE_LOGS_MAX,
  STRANGE_LOGS_PER_MEMBER_MAX,
} from "../limits.js";
import type { LogTag } from "../records/log.js";
import type { Range } from "../records/packet.js";
import type { Settings } from "../settings.js";
import type { Audience } from "./audience.js";
import type { Post } from "./post.js";

/** Begin the names of timers; the tag follows. */
export const ROUND_TIMER = "round/";
export const PULL_TIMER = "pull/";
export const SPREAD_TIMER = "spread/";
/** Runs of a log that one announcement tells: the newest ones. */
const RUNS_MAX = 4;
/** While the publisher lives, its subscribers compare so many times less often: it sees to those that are behind. */
const QUIET = 4;
/** Neighbours that are told in the first round after a change. */
const BUSY_PARTNERS = 2;
/** Rounds are told at least as often as after so many times the first pause: packets are lost, and retention ends. */
const ROUND_PAUSE_MAX = 16;
/** How often a member is asked for one batch of a log that it announced and that I do not know. */
const STRANGE_TRIES = 6;
/** A pull that its publisher's share has no room for is tried again after up to so many pull times, by chance: others wait as well. */
const HEARSAY_PAUSES = 32;
/** When nobody has what is missing, all are asked again after twice as long each time, up to so many pull times. */
const PAUSE_MAX = 64;
/** What the publisher holds no more is asked for so often again: who is far away, or busy, answers after its pull time. */
const GONE_PAUSES = 3;
/** A member that failed to answer so often is not asked before others because it says that it has something. */
const FAILURES_TRUSTED = 3;
/** Ring neighbours in a topic of many that are asked for what they announced, before publisher and holders are. */
const NEAR_FIRST = 2;
/** Members that follow a dead publisher on the rings and are asked for its messages: those that held for it. */
const HOLDERS_ASKED = 8;

interface Pull {
  readonly to: MemberId;
  readonly first: number;
  readonly last: number;
  /** Monotonic milliseconds at which it is over, however much of it comes. */
  readonly until: number;
  /** That came by it. */
  bytes: number;
}

interface State {
  /** Members that said how far they are: the highest number of a run. */
  readonly claims: Map<MemberId, Range>;
  /** How many neighbours are to be told of what is new, and who need not be. */
  spread: number;
  readonly passed: Set<MemberId>;
  /** Rounds told since the last change. */
  rounds: number;
  pull: Pull | undefined;
  /** Asked for what is missing now, without success. */
  readonly asked: Set<MemberId>;
  /** How often all of them were asked. */
  pauses: number;
  /** The first missing number, and since when it is. */
  missing: { readonly first: number; readonly since: number } | undefined;
  /** The publisher said that it does not hold it any more. */
  isGone: boolean;
  /** Members that hold what contradicts what is held here: the publisher signed two things under one number. */
  readonly forkers: Set<MemberId>;
}

/** A log that was announced and that I do not know. */
interface Strange {
  /** Who announced it first, and pays for it. */
  readonly key: MemberId;
  readonly tag: LogTag;
  /** They are asked by turns: one that announces and does not give holds up nobody. */
  readonly announcers: Map<MemberId, number>;
  tries: number;
}

export interface RepairOptions {
  readonly settings: Settings;
  readonly keeping: Keeping;
  readonly random: () => number;
  readonly audience: Audience;
  readonly shelf: Shelf;
  readonly post: Post;
  readonly timers: Timers;
  /** Is the log to be complete here, and is there room for what is missing? */
  readonly isWanted: (log: HeldLog) => boolean;
  /** May what nobody holds still come from elsewhere? */
  readonly isRecovering: (log: HeldLog) => boolean;
  /** Nobody has these. */
  readonly onLost: (log: HeldLog, first: number, last: number, now: number) => void;
}

export class Repair {
  readonly #options: RepairOptions;
  readonly #states = new Map<LogTag, State>();
  /** Tags that were announced and whose log I do not know; each member has a share of them. */
  readonly #strange = new Map<LogTag, Strange>();
  readonly #strangers = new Shares<Strange>(STRANGE_LOGS_MAX, STRANGE_LOGS_PER_MEMBER_MAX);
  /** Logs of which a pull by a member is under way. */
  readonly #pulls = new Map<MemberId, Set<LogTag>>();
  /** Members that said when they may be asked again, and when: monotonic milliseconds. */
  readonly #busyUntil = new Map<MemberId, number>();
  /** Pulls that a publisher's word alone may cause, by publisher. */
  readonly #hearsay = new Buckets<MemberId>(
    { burst: HEARSAY_PULLS_BURST, refillMs: HEARSAY_PULL_REFILL_MS },
    MEMBERS_COUNTED_MAX,
  );
  /** How often members did not answer a pull in time since they last did. */
  readonly #failures = new Map<MemberId, number>();

  constructor(options: RepairOptions) {
    this.#options = options;
  }

  /** I hold more of a log than before, or know that there is more. */
  changed(log: HeldLog, now: number): void {
    if (log.isMine) return;
    const state = this.#state(log.name.tag);
    state.rounds = 0;
    this.#later(log, state, now);
    this.fill(log, now);
  }

  /** Asks for what is missing, after a pull time in which it may still come by itself. */
  fill(log: HeldLog, now: number): void {
    const state = this.#state(log.name.tag);
    const missing = this.#missing(log, state);
    const first = missing?.first;
    if (state.missing?.first !== first) this.#newlyMissing(state, first, now);
    if (state.pull && (first === undefined || first > state.pull.last)) {
      this.#failures.delete(state.pull.to);
      this.#over(log, state);
      // The answer to the pull came in full: the next part of a long hole is asked for at once.
      this.#options.timers.clear(PULL_TIMER + log.name.tag);
      if (first !== undefined) this.#ask(log, state, now);
      return;
    }
    const name = PULL_TIMER + log.name.tag;
    if (first === undefined) this.#options.timers.clear(name);
    else if (!this.#options.timers.has(name)) this.#options.timers.set(name, now + this.#options.settings.pullMs);
  }

  /** A batch of a pull came: the answer is under way, and gets its time again, until the pull's own is over. */
  arrived(log: HeldLog, from: MemberId, bytes: number, now: number): void {
    const state = this.#states.get(log.name.tag);
    const pull = state?.pull;
    if (!state || pull?.to !== from) return;
    pull.bytes += bytes;
    const { timers, settings } = this.#options;
    timers.set(PULL_TIMER + log.name.tag, Math.min(now + settings.pullMs, pull.until));
    if (pull.bytes < PULL_BYTES_MAX) return;
    // More is not given at a time: it is asked for the rest.
    this.#failures.delete(from);
    this.#over(log, state);
    this.#ask(log, state, now);
  }

  /** A member holds what contradicts what I hold: it cannot help me with it. */
  contradicted(log: HeldLog, from: MemberId, now: number): void {
    const state = this.#state(log.name.tag);
    if (state.forkers.size < CLAIMS_MAX) state.forkers.add(from);
    state.claims.delete(from);
    if (state.pull?.to === from) this.#failed(log, state, now);
  }

  /** A member announces what it holds. */
  announced(from: MemberId, entries: readonly Range[], isAsking: boolean, now: number): void {
    for (const entry of entries) {
      const log = this.#options.shelf.get(entry.tag);
      if (!log) this.#strangeAnnounced(from, entry, now);
      else {
        if (!log.isMine) this.#claim(from, log, entry, now);
        if (isAsking && !log.isMine) this.#answer(from, log);
      }
    }
  }

  /** The publisher is dead, or the member may have to do without it: what I hold of its logs is told to those that want it. */
  publisherGone(publisher: MemberId, now: number): void {
    for (const log of this.#options.shelf.logsOf(publisher)) {
      const state = this.#state(log.name.tag);
      state.rounds = 0;
      this.#later(log, state, now);
    }
  }

  /** A member does not answer what it was asked for now, and says for how long: others are asked, and it is not blamed. */
  refused(from: MemberId, afterMs: number, now: number): void {
    if (this.#busyUntil.size >= FAILURES_MAX) this.#busyUntil.delete(this.#busyUntil.keys().next().value!);
    this.#busyUntil.set(from, now + Math.min(afterMs, REFUSED_MS_MAX));
    for (const tag of [...(this.#pulls.get(from) ?? [])]) {
      const log = this.#options.shelf.get(tag);
      const state = this.#states.get(tag);
      if (!log || !state) continue;
      this.#over(log, state);
      state.asked.add(from);
      this.#ask(log, state, now);
    }
  }

  /** A member does not hold what it was asked for. */
  gone(from: MemberId, entries: readonly Range[], now: number): void {
    for (const { tag, first } of entries) {
      const log = this.#options.shelf.get(tag);
      const state = log && this.#states.get(tag);
      if (!log || state?.pull?.to !== from || first !== state.pull.first) continue;
      if (from === log.name.publisher) state.isGone = true;
      this.#failed(log, state, now);
    }
  }

  /** A pull time is over. The name is a timer's, without its beginning. */
  pullDue(tag: LogTag, now: number): void {
    const log = this.#options.shelf.get(tag);
    if (!log) {
      this.#askStrange(tag, now);
      return;
    }
    const state = this.#state(tag);
    if (state.pull) this.#failed(log, state, now);
    else this.#ask(log, state, now);
  }

  /** The time for another round is there. */
  roundDue(tag: LogTag, now: number): void {
    const log = this.#options.shelf.get(tag);
    const state = this.#states.get(tag);
    if (!log || !state || log.size === 0) return;
    const partners = this.#partners(log, state);
    if (partners.length === 0) return;
    // While messages come, the next change is near: what all are told then, they need not be told now.
    while (state.rounds === 0 && partners.length > BUSY_PARTNERS) {
      partners.splice(Math.floor(this.#options.random() * partners.length), 1);
    }
    const entries = this.#entries(log);
    for (const id of partners) this.#options.post.tell(id, tag, entries, true);
    state.rounds += 1;
    if (now - log.changedAt < this.#options.keeping.msOf(log.name.topic)) this.#later(log, state, now);
  }

  /** Ring neighbours of a large crowd are told soon that I have more, so that they can pull what does not come to them. */
  spread(log: HeldLog, except: ReadonlySet<MemberId>, count: number, now: number): void {
    const state = this.#state(log.name.tag);
    state.spread = count;
    for (const id of except) state.passed.add(id);
    const { timers, settings } = this.#options;
    timers.setEarlier(SPREAD_TIMER + log.name.tag, now + settings.pullMs / 2);
  }

  /** The time to tell them is there. Those that were sent what is new, and those that have it, are left out. */
  spreadDue(tag: LogTag): void {
    const log = this.#options.shelf.get(tag);
    const state = this.#states.get(tag);
    if (!log || !state) return;
    const entries = this.#entries(log);
    const crowd = this.#options.audience.of(log.name.topic);
    for (const id of this.#options.audience.successorsIn(crowd, state.spread)) {
      if (!state.passed.has(id) && (state.claims.get(id)?.last ?? 0) < log.held)
        this.#options.post.tell(id, tag, entries, false);
    }
    state.passed.clear();
  }

  memberGone(id: MemberId): void {
    this.#busyUntil.delete(id);
    for (const state of this.#states.values()) state.claims.delete(id);
  }

  forget(tag: LogTag): void {
    const pull = this.#states.get(tag)?.pull;
    if (pull) this.#unlist(pull.to, tag);
    this.#states.delete(tag);
    this.#options.timers.clear(PULL_TIMER + tag);
    this.#options.timers.clear(ROUND_TIMER + tag);
    this.#options.timers.clear(SPREAD_TIMER + tag);
  }

  #state(tag: LogTag): State {
    let state = this.#states.get(tag);
    if (!state) {
      state = {
        claims: new Map(),
        spread: 0,
        passed: new Set(),
        rounds: 0,
        pull: undefined,
        asked: new Set(),
        pauses: 0,
        missing: undefined,
        isGone: false,
        forkers: new Set(),
      };
      this.#states.set(tag, state);
    }
    return state;
  }

  #entries(log: HeldLog): Range[] {
    return log.runs(RUNS_MAX).map((run) => ({ tag: log.name.tag, ...run }));
  }

  #claim(from: MemberId, log: HeldLog, entry: Range, now: number): void {
    const { claims, forkers } = this.#state(log.name.tag);
    const known = claims.get(from);
    if (forkers.has(from) || (known && known.last >= entry.last)) return;
    claims.delete(from);
    if (claims.size >= CLAIMS_MAX) this.#makeRoom(log, claims);
    if (claims.size < CLAIMS_MAX) claims.set(from, entry);
    this.fill(log, now);
    this.#hasten(log, from, entry, now);
  }

  /** What others said falsely may have led to a long pause: who has kept its word does not wait for its end. */
  #hasten({ name }: HeldLog, from: MemberId, { first, last }: Range, now: number): void {
    const { missing, pull } = this.#state(name.tag);
    const { timers, settings } = this.#options;
    const isOfUse = missing !== undefined && first <= missing.first && last >= missing.first;
    if (pull || !isOfUse || (this.#failures.get(from) ?? 0) >= FAILURES_TRUSTED) return;
    timers.setEarlier(PULL_TIMER + name.tag, now + settings.pullMs);
  }

  /** The first that is no ring neighbour gives way: neighbours are not crowded out by those who announce what they like. */
  #makeRoom({ name }: HeldLog, claims: Map<MemberId, Range>): void {
    const neighbours = this.#options.audience.neighbours(name.topic);
    for (const id of claims.keys()) {
      if (neighbours.includes(id)) continue;
      claims.delete(id);
      return;
    }
  }

  #answer(from: MemberId, log: HeldLog): void {
    const entries = this.#entries(log);
    if (entries.length > 0) this.#options.post.tell(from, log.name.tag, entries, false);
  }

  #strangeAnnounced(from: MemberId, { tag, last }: Range, now: number): void {
    const known = this.#strange.get(tag);
    if (known) {
      if (known.announcers.size < STRANGE_TRIES) known.announcers.set(from, last);
      return;
    }
    const victim = this.#strangers.victim(from);
    if (victim) this.#forgetStrange(victim);
    const strange: Strange = { key: from, tag, announcers: new Map([[from, last]]), tries: 0 };
    this.#strange.set(tag, strange);
    this.#strangers.add(strange);
    this.#options.timers.set(PULL_TIMER + tag, now + this.#options.settings.pullMs);
  }

  #forgetStrange(strange: Strange): void {
    this.#strange.delete(strange.tag);
    this.#strangers.remove(strange);
    this.#options.timers.clear(PULL_TIMER + strange.tag);
  }

  /** One batch of it tells what it is. */
  #askStrange(tag: LogTag, now: number): void {
    const strange = this.#strange.get(tag);
    if (!strange) return;
    const announcers = [...strange.announcers].filter(([id]) => this.#mayBeAsked(id, now));
    const [to, number] = announcers[strange.tries % announcers.length] ?? [];
    if (to !== undefined && number !== undefined)
      this.#options.post.packet([to], { kind: "pull", entries: [{ tag, first: number, last: number }] });
    strange.tries += 1;
    if (strange.tries >= STRANGE_TRIES) this.#forgetStrange(strange);
    else this.#options.timers.set(PULL_TIMER + tag, now + 2 ** strange.tries * this.#options.settings.pullMs);
  }

  /** A batch of the log came, wanted or not: its name is known. */
  named(tag: LogTag): void {
    const strange = this.#strange.get(tag);
    if (strange) this.#forgetStrange(strange);
  }

  /** What is missing behind what is held: up to the next that is held, or to what others say there is. */
  #missing(log: HeldLog, { claims }: State): { readonly first: number; readonly last: number } | undefined {
    if (log.start === undefined || !this.#options.isWanted(log)) return undefined;
    const first = log.held + 1;
    let { top } = log;
    if (top < first) for (const claim of claims.values()) top = Math.max(top, claim.last);
    if (top < first) return undefined;
    return { first, last: Math.min(top, (log.heldAfter(log.held) ?? top + 1) - 1) };
  }

  #newlyMissing(state: State, first: number | undefined, now: number): void {
    state.missing = first === undefined ? undefined : { first, since: now };
    state.asked.clear();
    state.pauses = 0;
    state.isGone = false;
  }

  #failed(log: HeldLog, state: State, now: number): void {
    const { to } = state.pull!;
    this.#over(log, state);
    if (this.#failures.size >= FAILURES_MAX) this.#failures.delete(this.#failures.keys().next().value!);
    this.#failures.set(to, (this.#failures.get(to) ?? 0) + 1);
    state.asked.add(to);
    state.claims.delete(to);
    this.#ask(log, state, now);
  }

  #ask(log: HeldLog, state: State, now: number): void {
    const missing = this.#missing(log, state);
    if (!missing) return;
    const { timers, settings, post } = this.#options;
    const name = PULL_TIMER + log.name.tag;
    const isHopeless = state.forkers.size > 0 && state.asked.size >= FORK_PULLS_MAX;
    const to = isHopeless ? undefined : this.#candidate(log, state, missing.first, now);
    if (to !== undefined && this.#isTooMuch(log, to, now)) {
      const { random } = this.#options;
      timers.set(name, now + (1 + random() * HEARSAY_PAUSES) * settings.pullMs);
    } else if (to !== undefined) {
      state.pull = { to, ...missing, until: now + PULL_TIMES_MAX * settings.pullMs, bytes: 0 };
      this.#pulls.set(to, (this.#pulls.get(to) ?? new Set()).add(log.name.tag));
      post.packet([to], { kind: "pull", entries: [{ tag: log.name.tag, ...missing }] });
      timers.set(name, now + settings.pullMs);
    } else if (this.#isLost(log, state, now)) this.#options.onLost(log, missing.first, missing.last, now);
    else {
      state.asked.clear();
      state.pauses += 1;
      timers.set(name, now + Math.min(2 ** state.pauses, PAUSE_MAX) * settings.pullMs);
    }
  }

  /** By its publisher's word alone there is more of the log, others than it are asked, and it has caused enough such questions. */
  #isTooMuch({ name: { publisher }, size }: HeldLog, to: MemberId, now: number): boolean {
    const isItsWord = size === 0 || this.#options.audience.isLive(publisher);
    return isItsWord && to !== publisher && this.#hearsay.take(publisher, now) > 0;
  }

  /**
   * Everybody was asked. It is over when the publisher said so, and others do not answer late; or when its time is; or when what
   * others hold of a forked log may never fit.
   */
  #isLost(log: HeldLog, { missing, isGone, forkers, pauses }: State, now: number): boolean {
    if (!missing || missing.first > log.top || this.#options.isRecovering(log)) return false;
    return (
      forkers.size > 0 ||
      (isGone && pauses >= GONE_PAUSES) ||
      now - missing.since > this.#options.keeping.msOf(log.name.topic)
    );
  }

  /**
   * Whom to ask. Ring neighbours that announced it go first: no liar chooses to be one, and who announces much to many is not
   * asked for that. Then the publisher, who sends to a few subscribers itself and is asked first there; others that announced it,
   * and others that may have it.
   */
  #candidate(log: HeldLog, { claims, asked, forkers }: State, first: number, now: number): MemberId | undefined {
    const { audience, settings } = this.#options;
    const { publisher, topic } = log.name;
    const isOpen = (id: MemberId) => !asked.has(id) && !forkers.has(id) && this.#mayBeAsked(id, now);
    const claimants = [...claims].flatMap(([id, claim]) =>
      isOpen(id) && claim.first <= first && claim.last >= first ? [id] : [],
    );
    // What nobody has proven to exist is asked of those who say so only; of its publisher, if it does, after two others.
    if (log.top < first)
      return asked.size >= NEAR_FIRST && claimants.includes(publisher) ? publisher : this.#best(claimants);
    const isDirect = audience.of(topic).members.size < settings.directMax;
    if (isDirect && isOpen(publisher)) return publisher;
    const neighbours = new Set(audience.neighbours(topic));
    const near = this.#best(claimants.filter((id) => neighbours.has(id)));
    // Most of a topic may be liars, who subscribe as they like: two are believed, then those are asked that no liar chooses.
    if (near !== undefined && asked.size < NEAR_FIRST) return near;
    if (isOpen(publisher)) return publisher;
    const holder = this.#holders(publisher).find(isOpen);
    if (!isDirect && holder !== undefined) return holder;
    return near ?? this.#best(claimants) ?? this.#best([...neighbours].filter(isOpen)) ?? holder;
  }

  #mayBeAsked(id: MemberId, now: number): boolean {
    return this.#options.audience.isLive(id) && (this.#busyUntil.get(id) ?? 0) <= now;
  }

  /** One of those that failed least, by chance. */
  #best(members: readonly MemberId[]): MemberId | undefined {
    let least = Number.POSITIVE_INFINITY;
    for (const id of members) least = Math.min(least, this.#failures.get(id) ?? 0);
    const best = members.filter((id) => (this.#failures.get(id) ?? 0) === least);
    return best.length > 0 ? this.#one(best) : undefined;
  }

  #holders(publisher: MemberId): MemberId[] {
    const holders: MemberId[] = [];
    for (const id of this.#options.audience.following(publisher)) {
      if (holders.push(id) >= HOLDERS_ASKED) break;
    }
    return holders;
  }

  #one<T>(list: readonly T[]): T {
    return list[Math.floor(this.#options.random() * list.length)]!;
  }

  /** Those that are not known to be as far as I am: my neighbours in the topic, and another one that no liar can foresee. */
  #partners(log: HeldLog, { claims }: State): MemberId[] {
    const { audience } = this.#options;
    const crowd = audience.of(log.name.topic);
    const partners = new Set(audience.neighbours(log.name.topic));
    if (partners.size < crowd.members.size) partners.add(this.#one([...crowd.members]));
    partners.delete(log.name.publisher);
    return [...partners].filter((id) => (claims.get(id)?.last ?? 0) < log.held);
  }

  #later(log: HeldLog, { rounds }: State, now: number): void {
    const { audience, settings, timers } = this.#options;
    const isPublisherLive = audience.isLive(log.name.publisher);
    if (isPublisherLive && !this.#options.isWanted(log)) return;
    const quiet = isPublisherLive ? QUIET : 1;
    timers.setEarlier(
      ROUND_TIMER + log.name.tag,
      now + settings.repairMs * quiet * Math.min(2 ** rounds, ROUND_PAUSE_MAX),
    );
  }

  /** No pull of the log is under way any more. */
  #over({ name }: HeldLog, state: State): void {
    if (state.pull) this.#unlist(state.pull.to, name.tag);
    state.pull = undefined;
  }

  #unlist(to: MemberId, tag: LogTag): void {
    const tags = this.#pulls.get(to);
    tags?.delete(tag);
    if (tags?.size === 0) this.#pulls.delete(to);
  }
}
