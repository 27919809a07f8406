/**
 * Topics of one member as a machine without I/O: every input is a method that takes the monotonic time `now` in milliseconds,
 * every effect leaves as data, and `deadline` says when to call `tick` again. The driver takes all effects after each input
 * and carries them out in order (effects.ts says how). The same code runs in production and under a simulator.
 *
 * What is published in a turn is one batch: `publish` sets the deadline to now, so the driver calls `tick` when its turn
 * ends, and the batch is signed and sent then. Progress that a publisher waits for leaves at the end of the turn as well.
 */
import { type MemberId, Timers } from "../rings/index.js";
import { Arrivals } from "./arrivals.js";
import { Deliveries, RETRY_TIMER } from "./delivering/deliveries.js";
import { GROUP_TIMER, Groups } from "./delivering/groups.js";
import { BASELINE_TIMER, LEAVE_TIMER, START_TIMER, Subscriber } from "./delivering/subscriber.js";
import { type Effect, Outbox, type SubscriptionNumber } from "./effects.js";
import type { HeldLog } from "./holding/held-log.js";
import { Intake } from "./holding/intake.js";
import { Proofs } from "./holding/proofs.js";
import { Shelf } from "./holding/shelf.js";
import { Inbox } from "./inbox.js";
import type { Interest } from "./interest.js";
import { Keeping } from "./keeping.js";
import { NAMES_MAX } from "./limits.js";
import type {
  Holdings,
  MachineOptions,
  Published,
  PublishOptions,
  Subscribed,
  SubscribeOptions,
  TopicFigures,
} from "./machine-options.js";
import { Publisher, REPEAT_TIMER, ROOM_TIMER } from "./publishing/publisher.js";
import { type Batch, type Head, parseBatch } from "./records/batch.js";
import { LogReader, type LogTag } from "./records/log.js";
import { parsePacket } from "./records/packet.js";
import { EXPIRE_TIMER, Retention } from "./retention.js";
import { checkSettings } from "./settings.js";
import { Audience } from "./spreading/audience.js";
import { Post } from "./spreading/post.js";
import { PULL_TIMER, Repair, ROUND_TIMER, SPREAD_TIMER } from "./spreading/repair.js";
import { Serving } from "./spreading/serving.js";
import { Spreader } from "./spreading/spreader.js";

/** Members that a proof is passed on to: as a rumour, it reaches all. */
const TOLD_OF_PROOF = 8;

export class Machine {
  readonly #id: MemberId;
  readonly #options: MachineOptions;
  readonly #outbox = new Outbox();
  readonly #timers = new Timers();
  readonly #logs: LogReader;
  readonly #audience: Audience;
  readonly #shelf: Shelf;
  readonly #post: Post;
  readonly #intake: Intake;
  readonly #deliveries: Deliveries;
  readonly #subscriber: Subscriber;
  readonly #publisher: Publisher;
  readonly #groups: Groups;
  readonly #repair: Repair;
  readonly #serving: Serving;
  readonly #retention: Retention;
  readonly #arrivals: Arrivals;
  readonly #inbox: Inbox;
  /** When the last input came: what is due at the end of a turn is due then. */
  #now = 0;

  /** Throws RangeError on settings out of range. */
  constructor(options: MachineOptions) {
    const { id: me, life, ringCount, settings, ports } = options;
    checkSettings(settings);
    const { sha256, random } = ports;
    const [outbox, timers, logs] = [this.#outbox, this.#timers, new LogReader(sha256, NAMES_MAX)];
    const keeping = new Keeping(settings, options.keeping);
    const common = { me, settings, keeping, sha256, random, outbox, timers, logs };
    this.#id = me;
    this.#options = options;
    this.#logs = logs;
    // What one part tells another that is made after it.
    const onBegun = (log: HeldLog, now: number) => this.#arrivals.advanced(log, now);
    const audience = new Audience({ me, ringCount, sha256, rings: options.rings });
    const post = new Post({ outbox, progressOf: (log) => this.#arrivals.progressOf(log) });
    const shelf = new Shelf({
      me,
      bytesMax: () => settings.retentionBytes,
      isFree: (log, batch) => this.#retention.isFree(log, batch, this.#now),
      onDrop: (log, batch) => this.#retention.dropped(log, batch, this.#now),
      onForget: (log, isBare) => this.#retention.forgotten(log, isBare, this.#now),
    });
    const groups = new Groups({
      ...{ ...common, audience, post, now: () => this.#now },
      onHandled: (...given) => this.#deliveries.handledElsewhere(...given),
      onTakenOver: (...given) => this.#deliveries.takeOver(...given),
    });
    const deliveries = new Deliveries({
      ...{ ...common, groups },
      onSettled: (log, now) => this.#arrivals.settled(log, now),
      onEnded: (subscription) => this.#subscriber.ended(subscription),
    });
    const intake = new Intake({ ...common, objection: (...given) => this.#arrivals.objection(...given) });
    const proofs = new Proofs({ ...common, intake, onProof: ({ heads }) => this.#passProof(heads) });
    const repair = new Repair({
      ...{ ...common, audience, shelf, post },
      isWanted: (log) => this.#arrivals.isWanted(log),
      isRecovering: (log) => deliveries.isRecovering(log.name.topic),
      onLost: (log, first, last, now) => this.#arrivals.lost(log, first, last, now),
    });
    const serving = new Serving({ shelf, post });
    const spreader = new Spreader({ me, audience, post, fanOut: settings.fanOut });
    const subscriber = new Subscriber({
      ...{ ...common, audience, shelf, deliveries, groups, post, onBegun, wall: ports.wall },
    });
    const publisher = new Publisher({
      ...{ ...common, audience, shelf, post, spreader },
      ...{ life, networkRings: ringCount, ports },
      onBegun: (log) => this.#subscriber.followMine(log),
      onHeld: (log, now) => this.#deliveries.advance(log, now),
    });
    const others = {
      audience,
      post,
      shelf,
      deliveries,
      intake,
      proofs,
      repair,
      serving,
      spreader,
      subscriber,
      publisher,
    };
    const parts = { ...common, ...others, groups };
    this.#audience = audience;
    this.#post = post;
    this.#shelf = shelf;
    this.#deliveries = deliveries;
    this.#groups = groups;
    this.#intake = intake;
    this.#repair = repair;
    this.#serving = serving;
    this.#subscriber = subscriber;
    this.#publisher = publisher;
    this.#retention = new Retention(parts);
    this.#arrivals = new Arrivals({ ...parts, retention: this.#retention });
    this.#inbox = new Inbox({ ...parts, arrivals: this.#arrivals });
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
    return { ...this.#shelf.counts, ...this.#intake.counts, ...this.#groups.counts };
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
    if (!this.#audience.appeared(id)) return;
    this.#publisher.memberChanged(id, now);
    this.#groups.memberChanged(id, now);
  }

  /** A member is live no more. */
  gone(id: MemberId, now: number): void {
    this.#now = now;
    if (!this.#audience.gone(id)) return;
    this.#groups.memberChanged(id, now);
    this.#publisher.memberGone(id, now);
    this.#repair.memberGone(id);
    this.#serving.memberGone(id);
    this.#repair.publisherGone(id, now);
    this.#intake.memberGone(id);
    this.#subscriber.answered(id, now);
    this.#retention.memberGone(now);
  }

  /** What another member subscribes to, by its newest statement (`parseInterests`); empty when there is none. */
  interested(id: MemberId, interests: readonly Interest[], now: number): void {
    this.#now = now;
    if (id === this.#id) return;
    this.#audience.interested(id, interests);
    if (!this.#audience.isLive(id)) return;
    this.#publisher.memberChanged(id, now);
    this.#groups.memberChanged(id, now);
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
    else this.#inbox.receive(from, parsed.packet, now);
  }

  /** Something sent to this member was dropped, or its way broke: what it has not confirmed is told to it again. */
  unreachable(id: MemberId, now: number): void {
    this.#now = now;
    this.#publisher.unreachable(id, now);
  }

  /** How a `verify` ended. Undefined: the signer is unknown, which is held against nobody. */
  verified(check: number, isValid: boolean | undefined, now: number): void {
    this.#now = now;
    this.#inbox.verified(check, isValid, now);
  }

  // --- Inputs of the program ---

  /** Copies the data; it may be written to afterwards. */
  publish(topic: string, data: Uint8Array, options: PublishOptions, now: number): Published {
    this.#now = now;
    this.#retention.expireLater(topic, now);
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
      this.#retention.expireLater(log.name.topic, now);
    }
    for (const [log, { batch, digest }] of ends) this.#publisher.adopt(log, batch, digest, now);
  }

  /** The retention of the settings, or of some topics, is another one: what is over it goes at once. Throws RangeError. */
  keepingChanged(now: number): void {
    checkSettings(this.#options.settings);
    this.#now = now;
    this.#retention.changed(now);
  }

  /** Throws RangeError on numbers out of range. */
  subscribe(pattern: string, options: SubscribeOptions, now: number): Subscribed {
    this.#now = now;
    return this.#subscriber.subscribe(pattern, options, now);
  }

  /**
   * A batch that members hold no more, from where it was kept; its signature was checked. False: there is no room
   * for it now, and it is to be given again later.
   */
  recover(bytes: Uint8Array, now: number): boolean {
    this.#now = now;
    const batch = parseBatch(bytes, this.#logs, this.#options.ports.sha256);
    return batch === undefined || this.#arrivals.recovered(batch, now);
  }

  /** All that was kept elsewhere for this subscription was given: what is missing then may be lost. */
  recovered(number: SubscriptionNumber, now: number): void {
    this.#now = now;
    const subscription = this.#deliveries.get(number);
    if (subscription) this.#deliveries.recovered(subscription, now);
  }

  /** From now on topics that match these are kept elsewhere: what nobody holds of them is `missed` before it is lost. */
  keptElsewhere(patterns: readonly string[]): void {
    this.#deliveries.keptElsewhere(patterns);
  }

  /**
   * What a subscription missed by now is being read from elsewhere, until `recovered`. From which instant on it was published, in
   * unix milliseconds by its publishers' clocks; undefined when that is not known.
   */
  seek(number: SubscriptionNumber): number | undefined {
    const subscription = this.#deliveries.get(number);
    return subscription && this.#deliveries.seek(subscription);
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
    if (subscription) this.#deliveries.remove(subscription, now);
  }

  /**
   * Takes nothing new; `ended` follows when all that was delivered is settled. One that shares a queue with other members takes
   * what is its own until they all know that it leaves.
   */
  drain(number: SubscriptionNumber, now: number): void {
    this.#now = now;
    const subscription = this.#deliveries.get(number);
    if (subscription) this.#subscriber.drain(subscription, now);
  }

  #passProof(heads: readonly [Head, Head]): void {
    const told = this.#audience.successorsIn(this.#audience.of(heads[0].log.topic), TOLD_OF_PROOF);
    this.#post.packet(told, { kind: "proof", heads });
  }

  /** This member stops: what is gathered for others is told at once. */
  tellAll(now: number): void {
    this.#now = now;
    this.#publisher.flush(now);
    this.#groups.tellAll();
    this.#post.flushAll(now);
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
      case LEAVE_TIMER:
        this.#subscriber.leaveDue(Number(rest), now);
        return;
      case GROUP_TIMER:
        this.#groups.due(rest, now);
        return;
      case EXPIRE_TIMER:
        this.#retention.expire(now);
        return;
    }
  }
}
