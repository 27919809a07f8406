/**
 * The logs of this member: batches are filled, sealed at the end of a turn, sent to who is to have them, sent again, and kept
 * until they are safe. Nobody waits for a receiver that is slower than the others by more than its share.
 */
import { type MemberId, type Sha256, type Timers, utf8Length } from "../../rings/index.js";
import type { Outbox } from "../effects.js";
import type { HeldLog } from "../holding/held-log.js";
import type { Shelf } from "../holding/shelf.js";
import type { Keeping } from "../keeping.js";
import { MESSAGE_BYTES_MAX, OWN_TOPICS_MAX, WINDOW_BYTES } from "../limits.js";
import type { Fullness, Level, Published, PublishOptions } from "../machine-options.js";
import { topicProblem } from "../names.js";
import type { Ports } from "../ports.js";
import { type Batch, FLAG_DURABLE, FLAG_URGENT } from "../records/batch.js";
import { type LogTag, nameLog } from "../records/log.js";
import type { Progress, Start } from "../records/packet.js";
import type { Settings } from "../settings.js";
import type { Audience } from "../spreading/audience.js";
import type { Post } from "../spreading/post.js";
import type { Spreader } from "../spreading/spreader.js";
import { OpenBatch } from "./open-batch.js";
import { OwnLog, type Receiver } from "./own-log.js";
import { heldByAtLeast, holdersNeeded, type Need } from "./safety.js";

/** Begins the names of timers that send again to those that are behind; the tag follows. */
export const REPEAT_TIMER = "repeat/";
/** Looks whether there is room for those that were refused. */
export const ROOM_TIMER = "room/";
/** A holder that says nothing for so many pull times is replaced. */
const HOLDER_PATIENCE = 10;
/** A receiver that does not move for so many pull times, while there is no room, is cut. */
const RECEIVER_PATIENCE = 50;
/** Announcements to those that are behind are repeated twice as late each time, up to so many pull times. */
const REPEAT_MAX = 64;
/** Receivers of one log that are told again at once: more come in the next round. */
const REPEATED_MAX = 64;
/** Of my retention, what one receiver may keep occupied beyond what others do. */
const SHARE = 0.25;

export interface PublisherOptions {
  readonly me: MemberId;
  readonly life: bigint;
  readonly networkRings: number;
  readonly settings: Settings;
  readonly ports: Ports;
  readonly sha256: Sha256;
  readonly audience: Audience;
  readonly shelf: Shelf;
  readonly post: Post;
  readonly spreader: Spreader;
  readonly timers: Timers;
  readonly outbox: Outbox;
  readonly keeping: Keeping;
  /** A log of mine begins. */
  readonly onBegun: (log: HeldLog) => void;
  /** A batch of mine is held: my own subscriptions may have it. */
  readonly onHeld: (log: HeldLog, now: number) => void;
}

export class Publisher {
  readonly #options: PublisherOptions;
  readonly #byTopic = new Map<string, OwnLog>();
  readonly #byTag = new Map<LogTag, OwnLog>();
  readonly #dirty = new Set<OwnLog>();
  #openBytes = 0;
  #isFull = false;
  /** Logs that have what is kept of their topic, and the bytes of the message that was refused last. */
  readonly #fullLogs = new Map<OwnLog, number>();
  /** Holders that did not answer, and until when they are passed over. */
  readonly #passedOver = new Map<MemberId, number>();
  #need: { readonly need: Need; readonly size: number } | undefined;
  #holders: readonly MemberId[] | undefined;

  constructor(options: PublisherOptions) {
    this.#options = options;
  }

  get(tag: LogTag): OwnLog | undefined {
    return this.#byTag.get(tag);
  }

  logs(): Iterable<OwnLog> {
    return this.#byTag.values();
  }

  /** Is anything waiting for the end of the turn? */
  get isDirty(): boolean {
    return this.#dirty.size > 0;
  }

  publish(
    topic: string,
    data: Uint8Array,
    { level = "some", durable = false }: PublishOptions,
    now: number,
  ): Published {
    if (data.length > MESSAGE_BYTES_MAX) return { ok: false, reason: "message-too-large" };
    const log = this.#byTopic.get(topic) ?? this.#begin(topic, now);
    if (typeof log === "string") return { ok: false, reason: log };
    const fullness = this.#fullness(log, data.length, now);
    if (fullness !== undefined) return { ok: false, reason: fullness };
    if (log.open?.isFullFor(data.length)) this.#seal(log, now);
    log.open ??= new OpenBatch(log.held.name, Math.max(log.lastBytes, data.length + 4));
    const before = log.open.bytes;
    log.open.add(data, isUrgent(level), durable);
    this.#openBytes += log.open.bytes - before;
    this.#dirty.add(log);
    const number = log.head + log.open.count;
    if (level === "all") log.awaited = number;
    return { ok: true, log: log.held.name, number };
  }

  /** Successors on the rings of whom one is correct with the planned risk. */
  get drawn(): number {
    return this.#needed().drawn;
  }

  /** The turn ends: what was published in it is signed and sent. */
  flush(now: number): void {
    for (const log of this.#dirty) this.#seal(log, now);
    this.#dirty.clear();
  }

  /** A member is live and may be subscribed, or its interest changed. */
  memberChanged(id: MemberId, now: number): void {
    this.#forgetHolders();
    for (const log of this.#byTag.values()) this.#admit(log, id, now);
    for (const log of this.#byTag.values()) this.#updateHolders(log, now);
  }

  memberGone(id: MemberId, now: number): void {
    this.#forgetHolders();
    for (const log of this.#byTag.values()) {
      if (log.remove(id)) this.#judge(log);
      this.#updateHolders(log, now);
    }
  }

  /** Tells a member where its share of my logs on matching topics begins; it has asked, or is new. */
  starts(id: MemberId, isAsked: (topic: string) => boolean): void {
    const entries: Start[] = [];
    for (const { receivers, held } of this.#byTag.values()) {
      const receiver = receivers.get(id);
      if (receiver && isAsked(held.name.topic)) entries.push({ log: held.name, first: receiver.start });
    }
    this.#options.post.starts(id, entries);
  }

  progress(from: MemberId, { tag, held, acknowledged }: Progress, now: number): string | undefined {
    const log = this.#byTag.get(tag);
    const receiver = log?.receivers.get(from);
    if (!log || !receiver) return "log-unknown";
    if (held > log.head) return "progress-beyond";
    receiver.isTold = true;
    const before = { held: receiver.held, settled: receiver.settled };
    receiver.held = Math.max(receiver.held, held);
    receiver.settled = Math.max(receiver.settled, Math.min(acknowledged, held));
    if (receiver.held === before.held && receiver.settled === before.settled) return undefined;
    receiver.movedAt = now;
    log.repeats = 0;
    if (receiver.isCut && log.held.bytesAfter(receiver.held) < this.#shareIn(log)) receiver.isCut = false;
    log.changed(before);
    receiver.sent = Math.max(receiver.sent, receiver.held);
    this.#sendOn(log, receiver);
    this.#judge(log);
    this.roomMade(now);
    return undefined;
  }

  /** What was sent to it and not confirmed may be gone. */
  unreachable(id: MemberId, now: number): void {
    for (const log of this.#byTag.values()) {
      const receiver = log.receivers.get(id);
      if (!receiver || isLevel(receiver, log)) continue;
      receiver.sent = receiver.held;
      this.#repeatLater(log, now);
    }
  }

  stored(tag: LogTag, through: number): void {
    const log = this.#byTag.get(tag);
    if (!log || through <= log.storedThrough) return;
    log.storedThrough = through;
    log.unstored = Number.POSITIVE_INFINITY;
    for (const batch of log.held.between(through + 1, log.head)) {
      if (batch.flags & FLAG_DURABLE) {
        log.unstored = batch.first;
        break;
      }
    }
    this.#judge(log);
  }

  /** Tells those that are behind what there is: they pull. The name is a timer's, without its beginning. */
  repeat(tag: LogTag, now: number): void {
    const log = this.#byTag.get(tag);
    const oldest = log?.held.oldest;
    if (!log || !oldest) return;
    const behind: MemberId[] = [];
    const chosen = new Set(this.#chosen());
    for (const receiver of log.receivers.values()) {
      if (isLevel(receiver, log)) continue;
      const isBehind = receiver.held < log.head;
      if (
        isBehind &&
        chosen.has(receiver.id) &&
        now - receiver.movedAt > HOLDER_PATIENCE * this.#options.settings.pullMs
      ) {
        this.#passedOver.set(receiver.id, now + RECEIVER_PATIENCE * this.#options.settings.pullMs);
      }
      behind.push(receiver.id);
    }
    this.#forgetHolders();
    this.#updateHolders(log, now);
    if (behind.length === 0) return;
    const told = this.#some(behind);
    this.#nameTo(told, log);
    this.#options.post.announce(told, [{ tag, first: oldest.batch.first, last: log.head }], true);
    log.repeats += 1;
    this.#repeatLater(log, now);
  }

  /** Who has nothing of it may not know which log this is: the announcement says no name, and liars announce what they like. */
  #nameTo(members: readonly MemberId[], { receivers, held: { name } }: OwnLog): void {
    for (const id of members) {
      const receiver = receivers.get(id);
      if (receiver && receiver.held < receiver.start) this.#options.post.start(id, name, receiver.start);
    }
  }

  /** Live subscribers that have not acknowledged this message. */
  missing(tag: LogTag, number: number): MemberId[] {
    const log = this.#byTag.get(tag);
    if (!log) return [];
    const receivers = [...log.receivers.values()];
    return receivers.filter(({ isHolder, settled }) => !isHolder && settled < number).map(({ id }) => id);
  }

  /** May this batch of mine go when room is needed? */
  isFree(held: HeldLog, { last, flags }: Batch): boolean {
    const log = this.#byTag.get(held.name.tag);
    if (!log) return true;
    // Somebody waits until it is safe.
    if ((flags & FLAG_URGENT) !== 0 && last > log.someThrough) return false;
    return last <= log.heldByAll;
  }

  /** A batch of mine is dropped: it needs no place in the store any more. */
  dropped({ name }: HeldLog, { last, flags }: Batch): void {
    if (flags & FLAG_DURABLE) this.#options.outbox.emit({ kind: "forget", log: name, through: last });
  }

  /** Nothing is held any more of a log of an earlier life, which nothing is added to: it is over. True when it is. */
  isOver(held: HeldLog): boolean {
    const log = this.#byTag.get(held.name.tag);
    if (log && (!log.isResumed || held.size > 0)) return false;
    this.#byTag.delete(held.name.tag);
    if (log) this.#fullLogs.delete(log);
    this.#options.timers.clear(REPEAT_TIMER + held.name.tag);
    return true;
  }

  /** Batches of mine from an earlier life. */
  adopt(held: HeldLog, last: Batch, digest: Uint8Array, now: number): void {
    const log = new OwnLog(held, true);
    log.head = last.last;
    log.digest = digest;
    log.storedThrough = last.last;
    log.sentThrough = last.last;
    this.#byTag.set(held.name.tag, log);
    this.#greet(log, held.oldest!.batch.first, now);
    this.#repeatLater(log, now);
  }

  #begin(topic: string, now: number): OwnLog | "topic-invalid" | "too-many-topics" {
    if (topicProblem(topic) !== undefined || utf8Length(topic) === 0) return "topic-invalid";
    if (this.#byTopic.size >= OWN_TOPICS_MAX) return "too-many-topics";
    const { me, life, sha256, shelf } = this.#options;
    const held = shelf.open(nameLog({ publisher: me, life, topic }, sha256), now);
    held.begin(1);
    const log = new OwnLog(held);
    this.#byTopic.set(topic, log);
    this.#byTag.set(held.name.tag, log);
    this.#greet(log, 1, now);
    this.#options.onBegun(held);
    return log;
  }

  /** All that are to have a new log, from this number on. */
  #greet(log: OwnLog, start: number, now: number): void {
    for (const id of this.#options.audience.of(log.held.name.topic).members) log.add(receiverOf(id, false, start, now));
    this.#updateHolders(log, now);
  }

  /** Is the member to have the log, or not any more? */
  #admit(log: OwnLog, id: MemberId, now: number): void {
    const isIn = this.#options.audience.of(log.held.name.topic).members.has(id);
    const receiver = log.receivers.get(id);
    if (isIn === (receiver !== undefined && !receiver.isHolder)) return;
    if (isIn && receiver) log.add({ ...receiver, isHolder: false });
    else if (isIn) {
      // Who was owed an earlier life's messages is not known any more: whoever comes is.
      const start = log.isResumed ? (log.held.oldest?.batch.first ?? log.head + 1) : log.head + 1;
      log.add(receiverOf(id, false, start, now));
      // A log that has not begun needs no start: its first message has number 1.
      if (start > 1) this.#options.post.start(id, log.held.name, start);
      if (log.isResumed) this.#sendOn(log, log.receivers.get(id)!);
      if (start > 1 || log.isResumed) this.#repeatLater(log, now);
    } else log.remove(id);
    this.#judge(log);
  }

  #seal(log: OwnLog, now: number): void {
    const { open } = log;
    if (!open) return;
    const { ports, sha256, shelf, outbox, onHeld } = this.#options;
    log.open = undefined;
    log.lastBytes = open.bytes;
    this.#openBytes -= open.bytes;
    const facts = { first: log.head + 1, at: ports.wall(now), previous: log.digest };
    const { batch, frame } = open.seal(facts, sha256, ports.sign);
    log.digest = sha256(batch.body);
    log.head = batch.last;
    log.forgetLeast();
    shelf.insert(log.held, batch, log.digest, now);
    if (batch.flags & FLAG_DURABLE) {
      log.unstored = Math.min(log.unstored, batch.first);
      outbox.emit({ kind: "store", batch });
    }
    this.#dispatch(log, batch, frame, now);
    this.#judge(log);
    this.#repeatLater(log, now);
    onHeld(log.held, now);
  }

  #dispatch(log: OwnLog, batch: Batch, frame: Uint8Array, now: number): void {
    const { settings, post, spreader, audience } = this.#options;
    const isDirect = log.subscribers <= settings.directMax;
    const to: MemberId[] = [];
    const chosen = isDirect ? [] : this.#chosen();
    for (const receiver of log.receivers.values()) {
      if (receiver.held === batch.first - 1) receiver.movedAt = now;
      if (!isDirect && !chosen.includes(receiver.id)) continue;
      if (receiver.sent !== batch.first - 1 || !this.#isInWindow(log, receiver)) continue;
      receiver.sent = batch.last;
      to.push(receiver.id);
    }
    if (to.length > 0) post.frame(to, frame);
    if (!isDirect) spreader.begin(audience.of(log.held.name.topic), batch);
  }

  /** Is less under way to it than it may be? Counted from what it confirmed to the newest batch. */
  #isInWindow(log: OwnLog, receiver: Receiver): boolean {
    return log.held.bytesAfter(receiver.held) < WINDOW_BYTES;
  }

  /** Sends what a window kept back. */
  #sendOn(log: OwnLog, receiver: Receiver): void {
    if (receiver.sent >= log.head) return;
    const isDirect = log.subscribers <= this.#options.settings.directMax;
    if (!isDirect && !this.#chosen().includes(receiver.id)) return;
    let bytes = log.held.bytesAfter(receiver.held) - log.held.bytesAfter(receiver.sent);
    for (const batch of log.held.between(receiver.sent + 1, log.head)) {
      if (bytes >= WINDOW_BYTES) return;
      this.#options.post.batch([receiver.id], batch, undefined);
      receiver.sent = batch.last;
      bytes += batch.bytes.length;
    }
  }

  #repeatLater(log: OwnLog, now: number): void {
    const isDone = log.heldByAll >= log.head && log.settledByAll >= log.awaited;
    if (isDone && !this.#hasCutBehind(log) && !hasUntold(log)) return;
    // Many tell their progress later, and repair each other before they need me.
    const many = Math.max(1, log.subscribers / this.#options.settings.directMax);
    const times = Math.min(2 ** (log.repeats + 1), REPEAT_MAX) * many;
    this.#options.timers.setEarlier(`${REPEAT_TIMER}${log.held.name.tag}`, now + times * this.#options.settings.pullMs);
  }

  #hasCutBehind(log: OwnLog): boolean {
    for (const { isCut, held } of log.receivers.values()) if (isCut && held < log.head) return true;
    return false;
  }

  #some(members: MemberId[]): MemberId[] {
    while (members.length > REPEATED_MAX) {
      members.splice(Math.floor(this.#options.ports.random() * members.length), 1);
    }
    return members;
  }

  /** Tells what is safe now and was not. */
  #judge(log: OwnLog): void {
    const { outbox } = this.#options;
    const stored = Math.min(log.head, log.unstored - 1);
    if (stored > log.sentThrough) {
      log.sentThrough = stored;
      outbox.emit({ kind: "sent", log: log.held.name, through: stored });
    }
    const some = Math.min(stored, this.#heldBySome(log));
    if (some > log.someThrough) {
      log.someThrough = some;
      outbox.emit({ kind: "safe", log: log.held.name, level: "some", through: some });
    }
    const all = Math.min(stored, log.settledByAll);
    if (all > log.allThrough) {
      log.allThrough = all;
      outbox.emit({ kind: "safe", log: log.held.name, level: "all", through: all });
    }
  }

  #heldBySome(log: OwnLog): number {
    const { any, drawn } = this.#needed();
    if (any === 0) return log.head;
    const isDirect = log.subscribers <= this.#options.settings.directMax;
    // Who is owed the log from later on only does not hold what comes before that.
    const heldBy = (receiver: Receiver | undefined) =>
      receiver && receiver.start <= log.someThrough + 1 ? receiver.held : 0;
    const holders = this.#chosen().map((id) => heldBy(log.receivers.get(id)));
    const byDrawn = heldByAtLeast(drawn, holders, 0);
    if (!isDirect) return byDrawn;
    const held = Array.from(log.receivers.values(), heldBy);
    return Math.max(byDrawn, heldByAtLeast(any, held, 0));
  }

  #needed(): Need {
    const { size } = this.#options.audience;
    if (this.#need?.size !== size) this.#need = { need: holdersNeeded(size, this.#options.networkRings), size };
    return this.#need.need;
  }

  #forgetHolders(): void {
    this.#holders = undefined;
  }

  /** The holders that the rings choose for me: as many of my successors as are needed, without those that did not answer. */
  #chosen(): readonly MemberId[] {
    if (this.#holders) return this.#holders;
    const { drawn } = this.#needed();
    const chosen: MemberId[] = [];
    for (const id of this.#options.audience.following(this.#options.me)) {
      if (chosen.length >= drawn) break;
      if (!this.#passedOver.has(id)) chosen.push(id);
    }
    // Nobody else is left: then those are waited for.
    for (const id of this.#passedOver.keys()) {
      if (chosen.length < drawn && this.#options.audience.isLive(id)) chosen.push(id);
    }
    this.#holders = chosen;
    return chosen;
  }

  /** Holders that are no subscribers are receivers of the log, when its subscribers are not enough. */
  #updateHolders(log: OwnLog, now: number): void {
    for (const [id, until] of this.#passedOver) if (until <= now) this.#passedOver.delete(id);
    const isEnough = log.subscribers <= this.#options.settings.directMax && log.subscribers >= this.#needed().any;
    const wanted = new Set(isEnough ? [] : this.#chosen());
    for (const { id, isHolder } of log.receivers.values()) if (isHolder && !wanted.has(id)) log.remove(id);
    for (const id of wanted) {
      if (log.receivers.has(id)) continue;
      const start = Math.min(log.someThrough, log.head) + 1;
      log.add(receiverOf(id, true, start, now));
      if (start > 1) this.#options.post.start(id, log.held.name, start);
      this.#sendOn(log, log.receivers.get(id)!);
    }
    this.#judge(log);
  }

  /** What there is no room in for so many bytes more; undefined when there is. Then `room` follows. */
  #fullness(log: OwnLog, bytes: number, now: number): Fullness | undefined {
    const hasRoom = this.#hasRoom(bytes, now);
    if (hasRoom && this.#hasRoomIn(log, bytes, now)) return undefined;
    if (hasRoom) this.#fullLogs.set(log, bytes);
    else this.#isFull = true;
    this.#lookForRoom(now);
    return hasRoom ? "topic-full" : "overloaded";
  }

  #hasRoom(bytes: number, now: number): boolean {
    const { shelf, me } = this.#options;
    const needed = this.#openBytes + bytes;
    if (shelf.makeRoom(me, needed)) return true;
    for (const log of this.#byTag.values()) this.#cutSlow(log, this.#share, now);
    return shelf.makeRoom(me, needed);
  }

  /** In what is kept of its topic. One message is taken however long it is. */
  #hasRoomIn(log: OwnLog, bytes: number, now: number): boolean {
    const { shelf, keeping } = this.#options;
    const limit = keeping.bytesOf(log.held.name.topic);
    const open = log.open?.bytes ?? 0;
    if (open > 0 && open + bytes > limit) return false;
    if (shelf.makeRoomIn(log.held, open + bytes, limit)) return true;
    this.#cutSlow(log, this.#shareIn(log), now);
    return shelf.makeRoomIn(log.held, open + bytes, limit);
  }

  /** Something was confirmed or dropped: who was refused may try again. When all is full, when there is room for the longest message. */
  roomMade(now: number): void {
    if (!this.#isFull && this.#fullLogs.size === 0) return;
    if (this.#isFull && !this.#hasRoom(MESSAGE_BYTES_MAX, now)) {
      this.#lookForRoom(now);
      return;
    }
    const hasRoom = this.#isFull || [...this.#fullLogs].some(([log, bytes]) => this.#hasRoomIn(log, bytes, now));
    if (!hasRoom) {
      this.#lookForRoom(now);
      return;
    }
    // Those for whom there is none yet are refused again, and are looked for again.
    this.#isFull = false;
    this.#fullLogs.clear();
    this.#options.timers.clear(ROOM_TIMER);
    this.#options.outbox.emit({ kind: "room" });
  }

  /** Nobody may say anything any more: those that do not move are not waited for, after a while. */
  #lookForRoom(now: number): void {
    this.#options.timers.setEarlier(ROOM_TIMER, now + HOLDER_PATIENCE * this.#options.settings.pullMs);
  }

  get #share(): number {
    return this.#options.settings.retentionBytes * SHARE;
  }

  #shareIn(log: OwnLog): number {
    return Math.min(this.#share, this.#options.keeping.bytesOf(log.held.name.topic) * SHARE);
  }

  /** Those that are behind the middle of all by more than a share, and those that do not move, are not waited for any more. */
  #cutSlow(log: OwnLog, share: number, now: number): void {
    const receivers = [...log.receivers.values()].filter(({ isCut }) => !isCut);
    if (receivers.length === 0) return;
    const middle = receivers.map(({ held }) => held).sort((a, b) => a - b)[receivers.length >> 1]!;
    for (const receiver of receivers) {
      if (receiver.held >= log.head) continue;
      const isStill = now - receiver.movedAt > RECEIVER_PATIENCE * this.#options.settings.pullMs;
      if (!isStill && log.held.bytesAfter(receiver.held) - log.held.bytesAfter(middle) < share) continue;
      receiver.isCut = true;
      log.changed(receiver);
    }
    this.#judge(log);
  }
}

function receiverOf(id: MemberId, isHolder: boolean, start: number, now: number): Receiver {
  const done = start - 1;
  return {
    id,
    isHolder,
    start,
    sent: done,
    held: done,
    settled: done,
    movedAt: now,
    isTold: start === 1,
    isCut: false,
  };
}

/** Has it all of the log, as far as it is owed it, does it know where that begins, and has it acknowledged what somebody waits for? */
function isLevel({ held, isTold, isHolder, settled }: Receiver, { head, awaited }: OwnLog): boolean {
  return isTold && held >= head && (isHolder || settled >= awaited);
}

/** Is there a subscriber that may not have heard where its share begins? */
function hasUntold({ receivers }: OwnLog): boolean {
  for (const { isTold, isHolder } of receivers.values()) if (!isTold && !isHolder) return true;
  return false;
}

function isUrgent(level: Level): boolean {
  return level !== "none";
}
