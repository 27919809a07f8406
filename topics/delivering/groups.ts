/**
 * Queue groups: of each message, one live member of a group gets it (rendezvous.ts says which), and tells the others when it has
 * handled it. When it dies before, or leaves, the one with the next score gets it.
 *
 * Every member of a group follows the log as any subscriber does, so each holds what another was to handle. What is said to be
 * handled counts when the one who says so was to handle it, by my view; so nobody outside the group can make a message count as
 * handled, and one of the group that lies only those that it gets. What is not known to be handled for long is asked for: the answer
 * brings what was lost on the way, or says that the one who is asked has no part in it, and then another one has.
 */
import {
  type Bucket,
  type BucketRate,
  fullBucket,
  type MemberId,
  type Sha256,
  spend,
  type Timers,
} from "../../rings/index.js";
import type { Outbox } from "../effects.js";
import type { HeldLog } from "../holding/held-log.js";
import { ENTRIES_MAX, GROUP_LOOK_REFILL_MS, GROUP_LOOKS_BURST, GROUP_SPAN_MAX } from "../limits.js";
import type { LogTag } from "../records/log.js";
import type { Packet, Part, Range } from "../records/packet.js";
import type { Settings } from "../settings.js";
import type { Audience } from "../spreading/audience.js";
import type { Post } from "../spreading/post.js";
import { Claims } from "./claims.js";
import type { Cursor, Standing } from "./cursor.js";
import { GroupLog } from "./group-log.js";
import { type Membership, membershipOf } from "./rendezvous.js";
import type { Subscription } from "./subscription.js";

/** Begins the names of timers; what is due, a tag and a queue follow. */
export const GROUP_TIMER = "group/";
const TELL = "t";
const REVIEW = "r";
const ASK = "a";
const TAG_CHARS = 32;
/** What others are to handle is asked for after so many pull times, then twice as late each time, up to so many times that. */
const PATIENCE = 10;
const PATIENCE_MAX = 16;
/** Each place where a part begins may change hands of as many messages as a group goes ahead; most change none. */
const PART_LOOKS = 256;
const LOOKS: BucketRate = { burst: GROUP_LOOKS_BURST, refillMs: GROUP_LOOK_REFILL_MS };

interface Known {
  readonly log: GroupLog;
  /** What was awaited up to this number when it was looked at last. */
  askedThrough: number;
  asks: number;
}

export interface GroupsOptions {
  readonly me: MemberId;
  readonly settings: Settings;
  readonly sha256: Sha256;
  readonly audience: Audience;
  readonly post: Post;
  readonly timers: Timers;
  readonly outbox: Outbox;
  /** Of the last input. */
  readonly now: () => number;
  /** Others have handled these numbers of a cursor's. */
  readonly onHandled: (cursor: Cursor, numbers: readonly number[], now: number) => void;
  /** These numbers, which others were to handle, are a cursor's own. */
  readonly onTakenOver: (cursor: Cursor, numbers: readonly number[], now: number) => void;
}

export class Groups {
  readonly #options: GroupsOptions;
  readonly #known = new Map<LogTag, Map<string, Known>>();
  readonly #byCursor = new Map<Cursor, Known>();
  readonly #claims = new Claims<GroupLog>();
  /** What members make me look at. */
  readonly #looks = new Map<MemberId, Bucket>();

  constructor(options: GroupsOptions) {
    this.#options = options;
  }

  get counts(): Claims<GroupLog>["counts"] {
    return this.#claims.counts;
  }

  // --- Of this member's subscriptions ---

  /** A subscription in a group begins with a log: says how messages stand for its cursor. */
  share(queue: string, log: HeldLog): (cursor: Cursor, number: number) => Standing {
    const known = this.#open(queue, log);
    return (cursor, number) => known.log.standing(cursor, number);
  }

  joined(queue: string, cursor: Cursor, subscription: Subscription): void {
    const known = this.#open(queue, cursor.log);
    known.log.add(cursor, subscription);
    this.#byCursor.set(cursor, known);
  }

  /** It ends: the others are told what it has handled, and what it has not is theirs, or another one's of mine. */
  left(cursor: Cursor, now: number): void {
    const known = this.#byCursor.get(cursor);
    if (!known) return;
    this.#byCursor.delete(cursor);
    this.#tell(known.log);
    known.log.remove(cursor);
    if (known.log.isEmpty) this.#close(known.log);
    else this.#reviewLater(known.log, now);
  }

  /** It takes part from or until another time. */
  changedOwn(subscription: Subscription, now: number): void {
    for (const cursor of subscription.cursors.values()) {
      const log = this.#byCursor.get(cursor)?.log;
      log?.own();
      if (log) this.#reviewLater(log, now);
    }
  }

  /** Is another member in any group with this subscription? */
  isShared(subscription: Subscription): boolean {
    for (const cursor of subscription.cursors.values()) {
      if ((this.#byCursor.get(cursor)?.log.others.length ?? 0) > 0) return true;
    }
    return false;
  }

  /** A subscription of mine has handled these. */
  handled(cursor: Cursor, first: number, last: number, now: number): void {
    const log = this.#byCursor.get(cursor)?.log;
    if (!log) return;
    log.handled(first, last);
    this.#options.timers.setEarlier(nameOf(TELL, log), now + this.#gatherMs(log));
    for (const other of log.cursors) if (other !== cursor) this.#options.onHandled(other, numbers(first, last), now);
  }

  // --- Of the view ---

  /** A member appeared, is gone, or subscribes to something else. */
  memberChanged(id: MemberId, now: number): void {
    if (this.#known.size === 0) return;
    const { audience } = this.#options;
    const isLive = audience.isLive(id);
    const interests = isLive ? audience.interestsOf(id).filter(({ queue }) => queue !== undefined) : [];
    if (!isLive) {
      this.#claims.forgetMember(id);
      this.#looks.delete(id);
    }
    const found = new Map<string, Membership | undefined>();
    for (const { log } of this.#all()) {
      const { topic } = log.log.name;
      const key = `${topic} ${log.queue}`;
      if (!found.has(key)) found.set(key, membershipOf(interests, log.queue, topic));
      if (log.update(id, found.get(key), now)) this.#reviewLater(log, now);
    }
  }

  // --- Of the network ---

  /** Why what a member of a group says is not taken; undefined when it is. */
  receive(from: MemberId, packet: Extract<Packet, { readonly queue: string }>, now: number): string | undefined {
    const cost = packet.kind === "part" ? PART_LOOKS * packet.entries.length : looksOf(packet.entries);
    if (!this.#affords(from, cost, now)) return "too-many";
    if (packet.kind === "part") return this.#begin(from, packet.queue, packet.entries, now);
    if (packet.kind === "handled") return this.#claimed(from, packet.queue, packet.entries, now);
    this.#answer(from, packet.queue, packet.entries);
    return undefined;
  }

  #claimed(from: MemberId, queue: string, entries: readonly Range[], now: number): string | undefined {
    let reason: string | undefined;
    for (const entry of entries) {
      const known = this.#get(queue, entry.tag);
      if (!known) continue;
      const handled = known.log.claimed(from, entry, now);
      if (!handled) reason = "not-in-group";
      if (!handled || handled.length === 0) continue;
      for (const cursor of known.log.cursors) this.#options.onHandled(cursor, handled, now);
      this.#askLater(known, now);
    }
    return reason;
  }

  /** What I do not know, or am not owed, I have no part in. */
  #answer(from: MemberId, queue: string, entries: readonly Range[]): void {
    const { post } = this.#options;
    const handled: Range[] = [];
    const parts = new Map<LogTag, number>();
    for (const entry of entries) {
      const log = this.#get(queue, entry.tag)?.log;
      handled.push(...(log?.handledOf(entry) ?? []));
      const first = log?.first ?? entry.last + 1;
      if (first > entry.first) parts.set(entry.tag, Math.max(first, parts.get(entry.tag) ?? 0));
    }
    post.group([from], "handled", queue, handled);
    const told = [...parts].map(([tag, first]) => ({ tag, first }));
    if (told.length > 0) post.packet([from], { kind: "part", queue, entries: told });
  }

  #begin(from: MemberId, queue: string, entries: readonly Part[], now: number): undefined {
    for (const { tag, first } of entries) {
      const log = this.#get(queue, tag)?.log;
      if (log?.begins(from, first)) this.#reviewLater(log, now);
    }
  }

  // --- Timers ---

  /** The name is a timer's, without its beginning. */
  due(name: string, now: number): void {
    const known = this.#get(name.slice(1 + TAG_CHARS), name.slice(1, 1 + TAG_CHARS) as LogTag);
    if (!known) return;
    if (name.startsWith(TELL)) this.#tell(known.log);
    else if (name.startsWith(REVIEW)) this.#review(known, now);
    else this.#ask(known, now);
  }

  /** At once. */
  tellAll(): void {
    for (const { log } of this.#all()) this.#tell(log);
  }

  #tell(log: GroupLog): void {
    this.#options.timers.clear(nameOf(TELL, log));
    this.#options.post.group(log.others, "handled", log.queue, log.takeUntold());
  }

  #review(known: Known, now: number): void {
    for (const { cursor, mine, handled } of known.log.review()) {
      if (handled.length > 0) this.#options.onHandled(cursor, handled, now);
      if (mine.length > 0) this.#options.onTakenOver(cursor, mine, now);
    }
    if (!known.log.isWaiting) return;
    // Others are to handle it now, and may have done so already.
    this.#askLater(known, now);
  }

  /** There was news: what is awaited then is asked for soon. */
  #askLater(known: Known, now: number): void {
    known.asks = 0;
    if (!known.log.isWaiting) return;
    this.#options.timers.setEarlier(nameOf(ASK, known.log), now + PATIENCE * this.#options.settings.pullMs);
  }

  #ask(known: Known, now: number): void {
    const { post, timers, settings } = this.#options;
    known.log.prune();
    for (const [id, ranges] of known.log.awaited(known.askedThrough)) {
      post.group([id], "awaited", known.log.queue, ranges.slice(0, ENTRIES_MAX));
    }
    known.askedThrough = known.log.passed;
    if (!known.log.isWaiting) return;
    const times = Math.min(2 ** known.asks++, PATIENCE_MAX) * PATIENCE;
    timers.setEarlier(nameOf(ASK, known.log), now + times * settings.pullMs);
  }

  #reviewLater(log: GroupLog, now: number): void {
    this.#options.timers.setEarlier(nameOf(REVIEW, log), now + this.#options.settings.gatherMs);
  }

  /** In a large group each hears from each: that is gathered for longer. */
  #gatherMs(log: GroupLog): number {
    const { gatherMs, directMax } = this.#options.settings;
    return gatherMs * Math.max(1, log.others.length / Math.max(1, directMax));
  }

  // --- What is known ---

  #get(queue: string, tag: LogTag): Known | undefined {
    return this.#known.get(tag)?.get(queue);
  }

  *#all(): Generator<Known, void, undefined> {
    for (const queues of this.#known.values()) yield* queues.values();
  }

  #open(queue: string, log: HeldLog): Known {
    const { me, sha256, audience, now } = this.#options;
    const { tag, topic } = log.name;
    const queues = this.#known.get(tag) ?? new Map<string, Known>();
    const known = queues.get(queue);
    if (known) return known;
    const onElsewhere = (): void => this.#awaits(made);
    const made: Known = {
      log: new GroupLog({ me, sha256, queue, log, claims: this.#claims, onElsewhere }),
      askedThrough: 0,
      asks: 0,
    };
    for (const id of audience.of(topic).members) {
      made.log.update(id, membershipOf(audience.interestsOf(id), queue, topic), now());
    }
    this.#known.set(tag, queues.set(queue, made));
    return made;
  }

  /** Another one is to handle something: in a while it is asked for. */
  #awaits({ log }: Known): void {
    const { timers, settings, now } = this.#options;
    const name = nameOf(ASK, log);
    if (!timers.has(name)) timers.set(name, now() + PATIENCE * settings.pullMs);
  }

  #close(log: GroupLog): void {
    const { tag } = log.log.name;
    for (const what of [TELL, REVIEW, ASK]) this.#options.timers.clear(nameOf(what, log));
    this.#claims.forgetLog(log);
    const queues = this.#known.get(tag);
    queues?.delete(log.queue);
    if (queues?.size === 0) this.#known.delete(tag);
  }

  #affords(from: MemberId, cost: number, now: number): boolean {
    const left = spend(this.#looks.get(from) ?? fullBucket(LOOKS, now), LOOKS, now, Math.min(cost, LOOKS.burst));
    if (left) this.#looks.set(from, left);
    return left !== undefined;
  }
}

function numbers(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, index) => first + index);
}

/** Each number that is named is looked at, up to what one range may be of. */
function looksOf(entries: readonly Range[]): number {
  let cost = 0;
  for (const { first, last } of entries) cost += Math.min(last - first + 1, GROUP_SPAN_MAX);
  return cost;
}

function nameOf(what: string, { log, queue }: GroupLog): string {
  return `${GROUP_TIMER}${what}${log.name.tag}${queue}`;
}
