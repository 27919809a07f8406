/** What the packets of others do here, kind by kind, and what their checked signatures let in. */
import { Buckets, type MemberId } from "../rings/index.js";
import type { Arrivals } from "./arrivals.js";
import type { Deliveries } from "./delivering/deliveries.js";
import type { Groups } from "./delivering/groups.js";
import type { Subscriber } from "./delivering/subscriber.js";
import type { Outbox } from "./effects.js";
import type { HeldLog } from "./holding/held-log.js";
import type { Intake } from "./holding/intake.js";
import type { Proofs } from "./holding/proofs.js";
import type { Shelf } from "./holding/shelf.js";
import { ASK_REFILL_MS, ASKS_BURST, LOGS_SCANNED_MAX } from "./limits.js";
import { Matcher } from "./matcher.js";
import type { Publisher } from "./publishing/publisher.js";
import type { Head } from "./records/batch.js";
import type { Packet, Progress } from "./records/packet.js";
import type { Settings } from "./settings.js";
import type { Post } from "./spreading/post.js";
import type { Repair } from "./spreading/repair.js";

/** Members whose questions are counted. */
const MEMBERS_COUNTED_MAX = 4096;

export interface InboxOptions {
  readonly me: MemberId;
  readonly settings: Settings;
  readonly outbox: Outbox;
  readonly shelf: Shelf;
  readonly intake: Intake;
  readonly proofs: Proofs;
  readonly deliveries: Deliveries;
  readonly subscriber: Subscriber;
  readonly publisher: Publisher;
  readonly post: Post;
  readonly repair: Repair;
  readonly arrivals: Arrivals;
  readonly groups: Groups;
}

export class Inbox {
  readonly #options: InboxOptions;
  readonly #asks = new Buckets<MemberId>({ burst: ASKS_BURST, refillMs: ASK_REFILL_MS }, MEMBERS_COUNTED_MAX);
  /** Members that were asked for heads, and whose heads are being checked. */
  readonly #heads = new Set<MemberId>();

  constructor(options: InboxOptions) {
    this.#options = options;
  }

  receive(from: MemberId, packet: Packet, now: number): void {
    const { intake, repair, proofs } = this.#options;
    switch (packet.kind) {
      case "batch":
        intake.batch(from, packet.bytes, packet.stretch, now);
        return;
      case "announce":
        this.#announced(from, packet, now);
        return;
      case "pull":
        repair.serve(from, packet.entries, now);
        return;
      case "progress":
        this.#progressed(from, packet.entries, now);
        return;
      case "gone":
        repair.gone(from, packet.entries, now);
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
        proofs.claimed(from, packet.heads);
        return;
      case "refused":
        repair.refused(from, now);
        return;
      case "handled":
      case "awaited":
      case "part": {
        const reason = this.#options.groups.receive(from, packet, now);
        if (reason) this.#reject(from, packet.kind, reason);
        return;
      }
    }
  }

  /** How a check ended. Undefined: the signer is unknown, which is held against nobody. */
  verified(check: number, isValid: boolean | undefined, now: number): void {
    const { intake, arrivals, proofs, subscriber } = this.#options;
    const from = intake.fromOf(check);
    const pending = intake.verified(check, isValid, now);
    if (pending?.kind === "batch") arrivals.batch(pending.batch, pending.from, pending.stretch, now);
    else if (pending?.kind === "head") arrivals.head(pending.head, now);
    else if (pending?.kind === "proof") proofs.verified(pending.proof, pending.from);
    if (from === undefined || !this.#heads.has(from) || intake.isCheckingHeads(from)) return;
    this.#heads.delete(from);
    subscriber.answered(from, now);
  }

  #announced(from: MemberId, { entries, answer }: Extract<Packet, { kind: "announce" }>, now: number): void {
    const { repair, shelf, post } = this.#options;
    repair.announced(from, entries, answer, now);
    // A publisher that asks has not heard of my progress.
    for (const { tag } of answer ? entries : []) {
      const log = shelf.get(tag);
      if (log?.name.publisher === from) post.progress(log, now);
    }
  }

  #progressed(from: MemberId, entries: readonly Progress[], now: number): void {
    for (const entry of entries) {
      const reason = this.#options.publisher.progress(from, entry, now);
      if (reason) this.#reject(from, "progress", reason);
    }
  }

  #asked(from: MemberId, patterns: readonly string[], now: number): void {
    const { shelf, publisher, post } = this.#options;
    if (this.#asks.take(from, now) > 0) {
      this.#reject(from, "ask", "too-many");
      return;
    }
    const matcher = new Matcher<true>();
    for (const pattern of patterns) matcher.add(pattern, true);
    const isAsked = (topic: string) => matcher.match(topic).size > 0;
    const heads: Head[] = [];
    let scanned = 0;
    for (const log of shelf.logs()) {
      if (++scanned > LOGS_SCANNED_MAX) break;
      if (log.newest && isAsked(log.name.topic)) heads.push(log.newest.batch);
    }
    publisher.starts(from, isAsked);
    post.heads(from, heads);
  }

  #headsCame(from: MemberId, heads: readonly Head[], now: number): void {
    const { me, shelf, deliveries, intake, subscriber } = this.#options;
    const news = heads.filter((head) => !shelf.knows(head) && head.log.publisher !== me);
    for (const head of news) if (deliveries.wants(head.log.topic)) intake.head(from, head);
    if (intake.isCheckingHeads(from)) this.#heads.add(from);
    else subscriber.answered(from, now);
  }

  #started(from: MemberId, name: HeldLog["name"], first: number, now: number): void {
    const { shelf, subscriber, post, settings } = this.#options;
    if (name.publisher !== from) {
      this.#reject(from, "start", "not-publisher");
      return;
    }
    const log = shelf.open(name, now);
    subscriber.begin(log, first, now);
    post.progress(log, now + settings.gatherMs);
  }

  #reject(from: MemberId, what: string, reason: string): void {
    this.#options.outbox.emit({ kind: "rejected", from, what, reason });
  }
}
