/**
 * Topics of one member as a machine without I/O: every input is a method that takes the monotonic time `now` in milliseconds,
 * every effect leaves as data, and `deadline` says when to call `tick` again. The driver takes all effects after each input
 * and carries them out in order (effects.ts says how). The same code runs in production and under a simulator.
 *
 * What is published in a turn is one batch: `publish` sets the deadline to now, so the driver calls `tick` when its turn
 * ends, and the batch is signed and sent then. Progress that a publisher waits for leaves at the end of the turn as well.
 */
import { Buckets, type MemberId, Timers } from "../rings/index.js";
import { Deliveries, RETRY_TIMER } from "./delivering/deliveries.js";
import { BASELINE_TIMER, START_TIMER, Subscriber } from "./delivering/subscriber.js";
import { type Effect, Outbox, type SubscriptionNumber } from "./effects.js";
import type { Held, HeldLog } from "./holding/held-log.js";
import { Intake, type IntakeOptions } from "./holding/intake.js";
import { Proofs } from "./holding/proofs.js";
import { Shelf } from "./holding/shelf.js";
import type { Interest } from "./interest.js";
import { ASK_REFILL_MS, ASKS_BURST, BACKLOG_BYTES_MAX, LOGS_MAX, LOGS_SCANNED_MAX } from "./limits.js";
import type {
  Holdings,
  MachineOptions,
  Published,
  PublishOptions,
  Subscribed,
  SubscribeOptions,
  TopicFigures,
} from "./machine-options.js";
import { Matcher } from "./matcher.js";
import { Publisher, REPEAT_TIMER, ROOM_TIMER } from "./publishing/publisher.js";
import { type Batch, FLAG_URGENT, type Head, parseBatch } from "./records/batch.js";
import { LogReader, type LogTag } from "./records/log.js";
import { type Packet, type Progress, parsePacket, type Stretch } from "./records/packet.js";
import { checkSettings, type Settings } from "./settings.js";
import { Audience } from "./spreading/audience.js";
import { Post } from "./spreading/post.js";
import { PULL_TIMER, Repair, ROUND_TIMER, SPREAD_TIMER } from "./spreading/repair.js";
import { Spreader } from "./spreading/spreader.js";

/** Batches whose time is over are dropped so many times in a retention. */
const EXPIRIES = 16;
const EXPIRE = "expire";
/** Names of logs that are remembered from their bytes. */
const NAMES_MAX = LOGS_MAX;
/** Of the retention of others' batches, what one subscription may keep occupied with what it has not acknowledged. */
const SHARE = 0.25;
/** Members that a proof is passed on to: as a rumour, it reaches all. */
const TOLD_OF_PROOF = 8;
const MEMBERS_COUNTED_MAX = 4096;

export class Machine {
  readonly #id: MemberId;
  readonly #settings: Settings;
  readonly #options: MachineOptions;
  readonly #outbox = new Outbox();
  readonly #timers = new Timers();
  readonly #logs: LogReader;
  readonly #audience: Audience;
  readonly #shelf: Shelf;
  readonly #post: Post;
  readonly #intake: Intake;
  readonly #proofs: Proofs;
  readonly #deliveries: Deliveries;
  readonly #subscriber: Subscriber;
  readonly #publisher: Publisher;
  readonly #spreader: Spreader;
  readonly #repair: Repair;
  readonly #asks = new Buckets<MemberId>({ burst: ASKS_BURST, refillMs: ASK_REFILL_MS }, MEMBERS_COUNTED_MAX);
  /** Heads under way from members that were asked for them. */
  readonly #heads = new Map<MemberId, number>();
  /** When the last input came: what is due at the end of a turn is due then. */
  #now = 0;

  /** Throws RangeError on settings out of range. */
  constructor(options: MachineOptions) {
    const { id, life, ringCount, settings, ports } = options;
    checkSettings(settings);
    const { sha256, random } = ports;
    this.#id = id;
    this.#settings = settings;
    this.#options = options;
    this.#logs = new LogReader(sha256, NAMES_MAX);
    this.#audience = new Audience({ me: id, ringCount, sha256, rings: options.rings });
    const [outbox, timers, audience] = [this.#outbox, this.#timers, this.#audience];
    this.#post = new Post({ outbox, progressOf: (log) => this.#progressOf(log) });
    this.#shelf = new Shelf({
      me: id,
      bytesMax: settings.retentionBytes,
      isFree: (log, batch) => this.#isFree(log, batch),
      onDrop: (log, batch) => this.#dropped(log, batch),
      onForget: (log) => this.#forgotten(log),
    });
    const [post, shelf] = [this.#post, this.#shelf];
    this.#deliveries = new Deliveries({ outbox, timers, onSettled: (log, now) => this.#settled(log, now) });
    const objection: IntakeOptions["objection"] = (...given) => this.#objection(...given);
    this.#intake = new Intake({ outbox, sha256, logs: this.#logs, objection });
    const onProof = ({ heads }: { readonly heads: readonly [Head, Head] }) => this.#passProof(heads);
    this.#proofs = new Proofs({ sha256, outbox, intake: this.#intake, onProof });
    this.#spreader = new Spreader({ me: id, audience, post, fanOut: settings.fanOut });
    const onLost = (log: HeldLog, first: number, last: number, now: number) => this.#lost(log, first, last, now);
    const isWanted = (log: HeldLog) => this.#isWanted(log);
    this.#repair = new Repair({ settings, random, audience, shelf, post, timers, isWanted, onLost });
    const deliveries = this.#deliveries;
    const onBegun = (log: HeldLog, now: number) => this.#advanced(log, now);
    this.#subscriber = new Subscriber({
      settings,
      random,
      audience,
      shelf,
      deliveries,
      post,
      timers,
      outbox,
      onBegun,
    });
    this.#publisher = new Publisher({
      me: id,
      life,
      networkRings: ringCount,
      settings,
      ports,
      sha256,
      audience,
      shelf,
      post,
      spreader: this.#spreader,
      timers,
      outbox,
      retention: options.retention,
      onBegun: (log) => this.#subscriber.followMine(log),
      onHeld: (log, now) => this.#deliveries.advance(log, now),
    });
  }

  // --- What the driver may ask at any time ---

  /** The monotonic instant at which `tick` is due; undefined when nothing waits. */
  get deadline(): number | undefined {
    if (this.#publisher.isDirty) return this.#now;
    const due = Math.min(this.#timers.deadline ?? Number.POSITIVE_INFINITY, Math.max(this.#post.deadline, this.#now));
    return due === Number.POSITIVE_INFINITY ? undefined : due;
  }

  /** Live members that subscribe to a topic, me included. */
  subscribers(topic: string): MemberId[] {
    const others = [...this.#audience.of(topic).members];
    return this.#deliveries.wants(topic) ? [this.#id, ...others] : others;
  }

  /** Live subscribers that have not acknowledged this message of mine: whom `all` waits for. */
  missing(log: LogTag, number: number): MemberId[] {
    return this.#publisher.missing(log, number);
  }

  get holdings(): Holdings {
    return { ...this.#shelf.counts, ...this.#intake.counts };
  }

  topics(): TopicFigures[] {
    const figures = new Map<string, { -readonly [K in keyof TopicFigures]: TopicFigures[K] }>();
    for (const log of this.#shelf.logs()) {
      const { topic, tag } = log.name;
      const known = figures.get(topic) ?? this.#noFigures(topic);
      figures.set(topic, known);
      const settled = this.#deliveries.settled(tag);
      known.logs += 1;
      known.published += log.isMine ? log.held : 0;
      known.settled += settled ?? 0;
      known.backlog += settled === undefined ? 0 : log.held - settled;
      known.heldBytes += log.bytes;
    }
    return [...figures.values()];
  }

  #noFigures(topic: string): { -readonly [K in keyof TopicFigures]: TopicFigures[K] } {
    const subscribers = this.subscribers(topic).length;
    return { topic, subscribers, logs: 0, published: 0, settled: 0, backlog: 0, heldBytes: 0 };
  }

  /** To be called after each input, and carried out in order. */
  takeEffects(): Effect[] {
    return this.#outbox.take();
  }

  // --- Inputs of the view ---

  /** A member is live in my view. Again for one that is: nothing. */
  appeared(id: MemberId, now: number): void {
    this.#now = now;
    if (this.#audience.appeared(id)) this.#publisher.memberChanged(id, now);
  }

  /** A member is live no more. */
  gone(id: MemberId, now: number): void {
    this.#now = now;
    if (!this.#audience.gone(id)) return;
    this.#publisher.memberGone(id, now);
    this.#repair.memberGone(id);
    this.#repair.publisherGone(id, now);
    this.#intake.memberGone(id);
    this.#subscriber.answered(id, now);
    this.#expireLater(now);
  }

  /** What another member subscribes to, by its newest statement (`parseInterests`); empty when there is none. */
  interested(id: MemberId, interests: readonly Interest[], now: number): void {
    this.#now = now;
    if (id === this.#id) return;
    this.#audience.interested(id, interests);
    if (this.#audience.isLive(id)) this.#publisher.memberChanged(id, now);
  }

  /** My interest of this number, from an `interest` effect, has spread as far as it will. */
  spread(number: number, now: number): void {
    this.#now = now;
    this.#subscriber.spread(number, now);
  }

  // --- Inputs of the network ---

  tick(now: number): void {
    this.#now = now;
    this.#publisher.flush(now);
    for (let name = this.#timers.pop(now); name !== undefined; name = this.#timers.pop(now)) this.#fire(name, now);
    this.#post.flush(now);
  }

  /** A packet without its length. The machine keeps the bytes: they must not be written to. Never throws for what they are. */
  receive(from: MemberId, bytes: Uint8Array, now: number): void {
    this.#now = now;
    const parsed = parsePacket(bytes, this.#logs);
    if (!parsed.ok) this.#outbox.emit({ kind: "rejected", from, what: "packet", reason: parsed.reason });
    else this.#received(from, parsed.packet, now);
  }

  /** Something sent to this member was dropped, or its way broke: what it has not confirmed is told to it again. */
  unreachable(id: MemberId, now: number): void {
    this.#now = now;
    this.#publisher.unreachable(id, now);
  }

  /** How a `verify` ended. Undefined: the signer is unknown, which is held against nobody. */
  verified(check: number, isValid: boolean | undefined, now: number): void {
    this.#now = now;
    const from = this.#intake.fromOf(check);
    const pending = this.#intake.verified(check, isValid, now);
    if (pending?.kind === "batch") this.#insert(pending.batch, pending.from, pending.stretch, now);
    else if (pending?.kind === "head") this.#showHead(pending.head, now);
    else if (pending?.kind === "proof") this.#proofs.verified(pending.proof, pending.from);
    if (from !== undefined && this.#heads.has(from) && !this.#intake.isCheckingHeads(from)) {
      this.#heads.delete(from);
      this.#subscriber.answered(from, now);
    }
  }

  // --- Inputs of the program ---

  /** Copies the data; it may be written to afterwards. */
  publish(topic: string, data: Uint8Array, options: PublishOptions, now: number): Published {
    this.#now = now;
    this.#expireLater(now);
    return this.#publisher.publish(topic, data, options, now);
  }

  /** A `store` is done, for all of the log up to this message. */
  stored(log: LogTag, through: number, now: number): void {
    this.#now = now;
    this.#publisher.stored(log, through);
  }

  /** Batches of mine from an earlier life that the store has, each log's in order: they are sent on. */
  resume(batches: readonly Uint8Array[], now: number): void {
    this.#now = now;
    const { sha256 } = this.#options.ports;
    const ends = new Map<HeldLog, { batch: Batch; digest: Uint8Array }>();
    for (const bytes of batches) {
      const batch = parseBatch(bytes, this.#logs, sha256);
      if (batch?.log.publisher !== this.#id || batch.log.life === this.#options.life) continue;
      const log = this.#shelf.open(batch.log, now);
      if (log.start === undefined) log.begin(batch.first);
      const digest = sha256(batch.body);
      this.#shelf.insert(log, batch, digest, now);
      ends.set(log, { batch, digest });
    }
    for (const [log, { batch, digest }] of ends) this.#publisher.adopt(log, batch, digest, now);
    this.#expireLater(now);
  }

  /** Throws RangeError on numbers out of range. */
  subscribe(pattern: string, options: SubscribeOptions, now: number): Subscribed {
    this.#now = now;
    return this.#subscriber.subscribe(pattern, options, now);
  }

  /** The handler is done with these messages of a log. In any order; unknown ones are ignored. */
  acknowledge(subscription: SubscriptionNumber, log: LogTag, first: number, last: number, now: number): void {
    this.#now = now;
    this.#deliveries.acknowledge(subscription, log, first, last, now);
  }

  /**
   * The handler failed with `number`, and those behind it up to `last` were not handed to it and come again behind it: for a
   * handler that takes one message after the other, all that it was to be given of this log. Others stay in its hands.
   */
  fail(subscription: SubscriptionNumber, log: LogTag, number: number, last: number, now: number): void {
    this.#now = now;
    this.#deliveries.fail(subscription, log, number, last, now);
  }

  /** Ends at once: what it has not acknowledged is forgotten here. */
  unsubscribe(number: SubscriptionNumber, now: number): void {
    this.#now = now;
    const subscription = this.#deliveries.get(number);
    if (!subscription) return;
    this.#deliveries.remove(subscription);
    this.#subscriber.unsubscribe(subscription);
  }

  /** Takes nothing new; `ended` follows when all that was delivered is settled. */
  drain(number: SubscriptionNumber, now: number): void {
    this.#now = now;
    const subscription = this.#deliveries.get(number);
    if (!subscription) return;
    this.#deliveries.drain(subscription);
    this.#subscriber.unsubscribe(subscription);
  }

  // --- Packets ---

  #received(from: MemberId, packet: Packet, now: number): void {
    switch (packet.kind) {
      case "batch":
        this.#intake.batch(from, packet.bytes, packet.stretch, now);
        return;
      case "announce":
        this.#announced(from, packet, now);
        return;
      case "pull":
        this.#repair.serve(from, packet.entries, now);
        return;
      case "progress":
        this.#progressed(from, packet.entries, now);
        return;
      case "gone":
        this.#repair.gone(from, packet.entries, now);
        return;
      case "ask":
        this.#asked(from, packet.patterns, now);
        return;
      case "heads":
        this.#headsCame(from, packet.heads, now);
        return;
      case "start":
        for (const { log, first } of packet.entries) this.#started(from, log, first, now);
        return;
      case "proof":
        this.#proofs.claimed(from, packet.heads);
        return;
      case "refused":
        this.#repair.refused(from, now);
        return;
    }
  }

  #announced(from: MemberId, { entries, answer }: Extract<Packet, { kind: "announce" }>, now: number): void {
    this.#repair.announced(from, entries, answer, now);
    // A publisher that asks has not heard of my progress.
    for (const { tag } of answer ? entries : []) {
      const log = this.#shelf.get(tag);
      if (log?.name.publisher === from) this.#post.progress(log, now);
    }
  }

  #progressed(from: MemberId, entries: readonly Progress[], now: number): void {
    for (const entry of entries) {
      const reason = this.#publisher.progress(from, entry, now);
      if (reason) this.#outbox.emit({ kind: "rejected", from, what: "progress", reason });
    }
  }

  #asked(from: MemberId, patterns: readonly string[], now: number): void {
    if (this.#asks.take(from, now) > 0) {
      this.#outbox.emit({ kind: "rejected", from, what: "ask", reason: "too-many" });
      return;
    }
    const matcher = new Matcher<true>();
    for (const pattern of patterns) matcher.add(pattern, true);
    const isAsked = (topic: string) => matcher.match(topic).size > 0;
    const heads: Head[] = [];
    let scanned = 0;
    for (const log of this.#shelf.logs()) {
      if (++scanned > LOGS_SCANNED_MAX) break;
      if (log.newest && isAsked(log.name.topic)) heads.push(log.newest.batch);
    }
    this.#publisher.starts(from, isAsked);
    this.#post.heads(from, heads);
  }

  #headsCame(from: MemberId, heads: readonly Head[], now: number): void {
    const news = heads.filter((head) => !this.#shelf.knows(head) && head.log.publisher !== this.#id);
    for (const head of news) if (this.#deliveries.wants(head.log.topic)) this.#intake.head(from, head);
    if (this.#intake.isCheckingHeads(from)) this.#heads.set(from, now);
    else this.#subscriber.answered(from, now);
  }

  #started(from: MemberId, name: HeldLog["name"], first: number, now: number): void {
    if (name.publisher !== from) {
      this.#outbox.emit({ kind: "rejected", from, what: "start", reason: "not-publisher" });
      return;
    }
    const log = this.#shelf.open(name, now);
    this.#subscriber.begin(log, first, now);
    this.#post.progress(log, now + this.#settings.gatherMs);
  }

  #showHead(head: Head, now: number): void {
    const log = this.#shelf.open(head.log, now);
    log.show(head.first + head.count - 1);
    if (this.#deliveries.hasReady(head.log.topic)) this.#subscriber.appeared(log, now);
    if (log.start !== undefined) this.#repair.fill(log, now);
  }

  /** Why a batch is not taken, as far as its body tells. */
  #objection(head: Head, from: MemberId, bytes: number, stretch: Stretch | undefined): string | undefined {
    const { log: name } = head;
    if (name.publisher === this.#id) return "own";
    this.#repair.named(name.tag);
    const log = this.#shelf.get(name.tag);
    if (log?.has(head)) return this.#repeated(log, head.first, from, stretch);
    // Of a log that I hold for its publisher, others may send me what I miss.
    const isHeld = from === name.publisher || log?.start !== undefined;
    if (!isHeld && !this.#deliveries.wants(name.topic)) return "unwanted";
    if (log?.start !== undefined && head.first + head.count - 1 < log.start) return "old";
    if (log && this.#backlog(log) + bytes > BACKLOG_BYTES_MAX) return "full";
    return this.#shelf.makeRoom(name.publisher, bytes) ? undefined : "full";
  }

  /** What I have already: its publisher may not know that I have, and others may count on me to pass it on. */
  #repeated(log: HeldLog, first: number, from: MemberId, stretch: Stretch | undefined): string {
    if (from === log.name.publisher) this.#tellLater(log, this.#now);
    if (stretch) this.#passOn(log, log.entry(first)!, from, stretch, this.#now);
    return "held";
  }

  /** Bytes of a log that no subscription has settled. */
  #backlog(log: HeldLog): number {
    const settled = this.#deliveries.mostSettled(log.name.tag);
    return settled === undefined ? 0 : log.bytesAfter(settled);
  }

  #insert(batch: Batch, from: MemberId, stretch: Stretch | undefined, now: number): void {
    const log = this.#shelf.open(batch.log, now);
    const inserted = this.#shelf.insert(log, batch, this.#options.ports.sha256(batch.body), now);
    if (inserted.kind === "conflict") {
      this.#proofs.found(inserted.head, batch, from);
      return;
    }
    if (inserted.kind === "held") return;
    this.#expireLater(now);
    this.#repair.arrived(log, from, now);
    if (log.start === undefined || !this.#deliveries.isFollowed(log.name.tag)) this.#subscriber.appeared(log, now);
    this.#passOn(log, log.entry(batch.first)!, from, stretch, now);
    this.#advanced(log, now);
    // What the publisher sent straight to me among many: it counts on me to hold it.
    if (isUrgent(batch) && from === log.name.publisher && !stretch) this.#post.progress(log, now);
    else this.#tellLater(log, now);
  }

  /** Progress that nobody waits for, or that many others tell the publisher as well, is gathered for a while. */
  #tellLater(log: HeldLog, now: number): void {
    const { gatherMs, directMax } = this.#settings;
    const crowd = this.#audience.of(log.name.topic).members.size + 1;
    if (crowd > directMax)
      this.#post.progress(log, now + gatherMs * (crowd / directMax) * (0.5 + this.#options.ports.random()));
    else this.#post.progress(log, log.newest && isUrgent(log.newest.batch) ? now : now + gatherMs);
  }

  /** Among many subscribers: along the stretch that it came with, once, and announced to ring neighbours. */
  #passOn(log: HeldLog, held: Held, from: MemberId, stretch: Stretch | undefined, now: number): void {
    const crowd = this.#audience.of(log.name.topic);
    if (crowd.members.size < this.#settings.directMax) return;
    const children = stretch && !held.isPassed ? this.#spreader.pass(crowd, held.batch, stretch) : [];
    if (stretch) held.isPassed = true;
    this.#repair.spread(log, new Set([...children, from, log.name.publisher]), this.#publisher.drawn, now);
  }

  /** More of the log is held, or owed. */
  #advanced(log: HeldLog, now: number): void {
    this.#deliveries.advance(log, now);
    this.#repair.changed(log, now);
  }

  #settled(log: HeldLog, now: number): void {
    this.#tellLater(log, now);
    // There is room for what was not taken.
    if (log.top > log.held && !log.isMine) this.#repair.fill(log, now);
  }

  #progressOf(log: HeldLog): Progress | undefined {
    if (log.start === undefined || !this.#audience.isLive(log.name.publisher)) return undefined;
    const acknowledged = Math.min(this.#deliveries.settled(log.name.tag) ?? 0, log.held);
    return { tag: log.name.tag, held: log.held, acknowledged };
  }

  /** Is the log to be complete here, and is there room for more of it? */
  #isWanted(log: HeldLog): boolean {
    if (this.#backlog(log) >= BACKLOG_BYTES_MAX) return false;
    return this.#deliveries.isFollowed(log.name.tag) || this.#audience.isLive(log.name.publisher);
  }

  #isFree(log: HeldLog, batch: Batch): boolean {
    if (log.isMine && !this.#publisher.isFree(log, batch)) return false;
    return !this.#deliveries.isProtected(log, batch.last, this.#settings.retentionBytes * SHARE, this.#now);
  }

  #dropped(log: HeldLog, batch: Batch): void {
    if (log.isMine) this.#publisher.dropped(log, batch);
    this.#deliveries.lose(log, batch.first, Math.min(batch.last, log.held), this.#now);
  }

  #forgotten(log: HeldLog): void {
    if (log.top > 0) this.#deliveries.lose(log, 1, log.top, this.#now);
    this.#repair.forget(log.name.tag);
    this.#deliveries.forget(log.name.tag);
    this.#post.forget(log);
    this.#timers.clear(START_TIMER + log.name.tag);
  }

  #lost(log: HeldLog, first: number, last: number, now: number): void {
    this.#deliveries.lose(log, first, last, now);
    log.skip(last);
    this.#advanced(log, now);
    this.#post.progress(log, now);
  }

  #passProof(heads: readonly [Head, Head]): void {
    const told = this.#audience.successorsIn(this.#audience.of(heads[0].log.topic), TOLD_OF_PROOF);
    this.#post.packet(told, { kind: "proof", heads });
  }

  // --- Timers ---

  #fire(name: string, now: number): void {
    const cut = name.indexOf("/") + 1;
    const rest = name.slice(cut);
    switch (name.slice(0, cut)) {
      case REPEAT_TIMER:
        this.#publisher.repeat(rest as LogTag, now);
        return;
      case ROOM_TIMER:
        this.#publisher.roomMade(now);
        return;
      case PULL_TIMER:
        this.#repair.pullDue(rest as LogTag, now);
        return;
      case ROUND_TIMER:
        this.#repair.roundDue(rest as LogTag, now);
        return;
      case SPREAD_TIMER:
        this.#repair.spreadDue(rest as LogTag);
        return;
      case RETRY_TIMER:
        this.#deliveries.due(rest, now);
        return;
      case START_TIMER:
        this.#subscriber.startDue(rest as LogTag, now);
        return;
      case BASELINE_TIMER:
        this.#subscriber.baselineDue(Number(rest), now);
        return;
      default:
        this.#expire(now);
        return;
    }
  }

  #expireLater(now: number): void {
    this.#timers.setEarlier(EXPIRE, now + this.#settings.retentionMs / EXPIRIES);
  }

  /** What is older than its retention goes; so do logs that are empty and have been quiet for as long. */
  #expire(now: number): void {
    let isOver = true;
    for (const log of this.#shelf.logs()) {
      const ms = (log.isMine && this.#options.retention?.(log.name.topic)?.ms) || this.#settings.retentionMs;
      this.#shelf.expire(log, now - ms);
      const isLeft = !log.isMine && !this.#audience.isLive(log.name.publisher);
      if (isLeft && log.size === 0 && now - log.changedAt > 2 * ms) this.#shelf.forget(log);
      else if (isLeft || log.size > 0) isOver = false;
    }
    this.#publisher.roomMade(now);
    if (!isOver) this.#expireLater(now);
  }
}

function isUrgent({ flags }: Batch): boolean {
  return (flags & FLAG_URGENT) !== 0;
}
