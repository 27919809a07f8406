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
import { ASK_REFILL_MS, ASKS_BURST, LOGS_SCANNED_MAX, MEMBERS_COUNTED_MAX } from "./limits.js";
import { Matcher } from "./matcher.js";
import { isWildcard, tokensOf } from "./names.js";
import type { Publisher } from "./publishing/publisher.js";
import type { Head } from "./records/batch.js";
import type { Packet, Progress, Start } from "./records/packet.js";
import type { Post } from "./spreading/post.js";
import type { Repair } from "./spreading/repair.js";
import type { Serving } from "./spreading/serving.js";

export interface InboxOptions {
  readonly me: MemberId;
  readonly outbox: Outbox;
  readonly shelf: Shelf;
  readonly intake: Intake;
  readonly proofs: Proofs;
  readonly deliveries: Deliveries;
  readonly subscriber: Subscriber;
  readonly publisher: Publisher;
  readonly post: Post;
  readonly repair: Repair;
  readonly serving: Serving;
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
    const { intake, repair, proofs, serving } = this.#options;
    switch (packet.kind) {
      case "batch":
        intake.batch(from, packet.bytes, packet.stretch, now);
        return;
      case "announce":
        this.#announced(from, packet, now);
        return;
      case "pull":
        serving.pulled(from, packet.entries, now);
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
        for (const entry of packet.entries) this.#started(from, entry, now);
        return;
      case "proof":
        proofs.claimed(from, packet.heads, now);
        return;
      case "refused":
        repair.refused(from, packet.afterMs, now);
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
    let reason: string | undefined;
    if (pending?.kind === "batch") reason = arrivals.batch(pending.batch, pending.from, pending.stretch, now);
    else if (pending?.kind === "head") reason = arrivals.head(pending.head, now);
    else if (pending?.kind === "proof") proofs.verified(pending.proof, pending.from);
    if (pending && reason) this.#reject(pending.from, pending.kind, reason);
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
    const { publisher, post, serving } = this.#options;
    if (this.#asks.take(from, now) > 0) {
      this.#reject(from, "ask", "too-many");
      return;
    }
    const matcher = new Matcher<true>();
    for (const pattern of patterns) matcher.add(pattern, true);
    const isAsked = (topic: string) => matcher.match(topic).size > 0;
    const heads: Head[] = [];
    for (const log of this.#candidates(patterns)) {
      if (log.newest && isAsked(log.name.topic)) heads.push(log.newest.batch);
    }
    const bytes = heads.reduce((sum, { body, signature }) => sum + body.length + signature.length, 0);
    publisher.starts(from, isAsked);
    const wait = serving.take(from, bytes, now);
    if (wait > 0) post.packet([from], { kind: "refused", reason: "busy", afterMs: Math.ceil(wait) });
    else post.heads(from, heads);
  }

  /** Logs that a question may be about: all of topics that it names, and by turns those that it may mean. */
  #candidates(patterns: readonly string[]): Set<HeldLog> {
    const { shelf } = this.#options;
    const found = new Set<HeldLog>();
    const wild = patterns.filter((pattern) => tokensOf(pattern).some(isWildcard));
    for (const pattern of patterns) {
      if (!wild.includes(pattern))
        for (const log of shelf.onTopic(pattern)) if (found.size < LOGS_SCANNED_MAX) found.add(log);
    }
    let scanned = 0;
    for (const log of wild.length > 0 ? shelf.inTurn() : []) {
      if (++scanned > LOGS_SCANNED_MAX) break;
      found.add(log);
    }
    return found;
  }

  #headsCame(from: MemberId, heads: readonly Head[], now: number): void {
    const { me, shelf, deliveries, intake, subscriber } = this.#options;
    const news = heads.filter((head) => !shelf.knows(head) && head.log.publisher !== me);
    for (const head of news) if (deliveries.wants(head.log.topic)) intake.head(from, head, now);
    if (intake.isCheckingHeads(from)) this.#heads.add(from);
    else subscriber.answered(from, now);
  }

  #started(from: MemberId, entry: Start, now: number): void {
    const isTheirs = entry.log.publisher === from;
    const reason = isTheirs ? this.#options.arrivals.start(entry, now) : "not-publisher";
    if (reason) this.#reject(from, "start", reason);
  }

  #reject(from: MemberId, what: string, reason: string): void {
    this.#options.outbox.emit({ kind: "rejected", from, what, reason });
  }
}
