/** Exchanges: comparing views with a partner call by call, and answering the packets of others (rules R15, R16). */
import type { MemberId } from "../../rings/index.js";
import {
  CERTIFICATES_PER_MEMBER_MAX,
  CHARGES_MAX,
  EXCHANGE_ROUNDS_MAX,
  INTERESTS_PER_EXCHANGE_BYTES,
  NEWS_STATEMENTS_MAX,
  PACKET_BYTES_MAX,
  SUMMONS_CHARGES_MAX,
} from "../limits.js";
import type { Outbox, Recipient } from "../outputs.js";
import type { InterestOffer } from "../records/interest.js";
import type { Item, Summons } from "../records/packet.js";
import { PacketBuilder } from "../records/packet-builder.js";
import { isInterest, mayBeInterest, offerOf } from "../records/statement.js";
import type { HeldAccusation } from "../view/held.js";
import type { View } from "../view/view.js";
import { CALL_TIMEOUT_MS, type Call, type Courier } from "./courier.js";
import type { Partners } from "./partners.js";
import { reconcile, withoutRepeats } from "./reconcile.js";

/** Statements that introduce a member: its certificates and its note. */
const INTRODUCTION_MAX = CERTIFICATES_PER_MEMBER_MAX + 1;

/** An answer with one of these does not say that I am there. */
const SAYS_NO: ReadonlySet<Item["kind"]> = new Set(["gone", "waits", "refused"]);

export interface ExchangeParts {
  readonly view: View;
  readonly courier: Courier;
  readonly partners: Partners;
  readonly outbox: Outbox;
  /** Statements for the intake; news is pushed on once it has been admitted. */
  readonly submit: (
    statements: readonly Uint8Array[],
    from: MemberId,
    isNews: boolean,
    now: number,
    isHearing?: boolean,
  ) => void;
  /** Already on its way through the intake, by the digest as listed. */
  readonly isPending: (digest: string) => boolean;
  /** Would this interest be taken in if it came now (rule R22)? */
  readonly isWorth: (offer: InterestOffer, now: number) => boolean;
  /** Answers those that hold me as gone, or as accused. */
  readonly defence: {
    toldGone(epoch: bigint, now: number): void;
    summoned(from: MemberId, summons: Summons, isCall: boolean, now: number): void;
  };
  /** Hears what partners say became of me. */
  readonly isolation: {
    hear(from: MemberId, epoch: bigint, waitMs: number, now: number): void;
    cleared(from: MemberId, now: number): void;
  };
  readonly deltaMs: number;
  /** Others do not know me yet. */
  readonly isNew: () => boolean;
}

/** A partner's packet, and the answer to it as it grows. */
interface Turn {
  readonly from: MemberId;
  readonly builder: PacketBuilder;
  readonly isStranger: boolean;
  /** Interests that it offers, by their digests as listed. */
  readonly offered: ReadonlySet<string>;
  readonly now: number;
}

function offeredIn(items: readonly Item[]): ReadonlySet<string> {
  const offers = items.flatMap((item) => (item.kind === "interests" ? item.offers : []));
  return new Set(offers.map(({ digest }) => digest));
}

export class Exchanges {
  readonly #parts: ExchangeParts;
  readonly #again = new Set<MemberId>();

  constructor(parts: ExchangeParts) {
    this.#parts = parts;
  }

  /** Begins one with a partner that is not busy with another; false when it is. */
  begin(to: Recipient, now: number): boolean {
    const { courier, view, isNew } = this.#parts;
    const call = courier.begin("exchange", to, now);
    if (!call) return false;
    const builder = new PacketBuilder();
    // Before I am known, and to those who may have forgotten me. To others the ranges say all that differs.
    const isStrange = isNew() || !to.id || !view.judgement.isLive(to.id);
    if (isStrange) this.#add(builder, view.evidence.introduction(view.me));
    // One of the removed is called each round, and mostly nobody is there. If somebody is, the ranges bring the rest.
    const charge = to.id && view.judgement.standing(to.id) === "removed" && view.judgement.charge(to.id);
    if (to.id) this.#addCharges(builder, to.id, charge ? [charge] : view.evidence.accusations(to.id), now);
    builder.item({ kind: "range", prefix: "", hash: view.evidence.tree.root() });
    this.#send(call, builder);
    return true;
  }

  /**
   * Tells the accused that it stands accused here, with what stands against it (rule R20). Its answer brings its note; a
   * later one has another chance after Delta / 2. False when too many such calls are under way.
   */
  summon(id: MemberId, summons: Summons, now: number): boolean {
    const { view, courier, deltaMs } = this.#parts;
    const to = view.partner(id);
    const call = to && courier.begin("hearing", to, now);
    // Without an address nothing helps.
    if (!call) return !to;
    const builder = new PacketBuilder();
    builder.item({ kind: "summons", ...summons });
    // Its own note, in case that it has lost its memory: then it must go above that.
    const note = view.evidence.note(id)?.digest;
    if (note) this.#add(builder, [note]);
    // It can answer without them. From its neighbours it hears whom to answer, and by that which ring to disable.
    const charges = view.neighbours().has(id) ? view.judgement.charges(id).slice(0, SUMMONS_CHARGES_MAX) : [];
    this.#add(builder, this.#chargesOf(charges));
    this.#send(call, builder, Math.min(CALL_TIMEOUT_MS, deltaMs / 2));
    return true;
  }

  /** What a partner asks, answered. */
  answer(from: MemberId, items: readonly Item[], now: number): Uint8Array {
    const builder = new PacketBuilder();
    this.#answerSummons(builder, from, items, now);
    this.#addCharges(builder, from, this.#parts.view.evidence.accusations(from), now);
    const statements = this.#statementsOf(items);
    this.#submit(statements, from, statements.length <= NEWS_STATEMENTS_MAX, now);
    const isStranger = !this.#parts.view.isNeighbour(from);
    const turn = { from, builder, isStranger, offered: offeredIn(items), now };
    for (const item of withoutRepeats(items)) this.#respond(item, turn);
    return builder.finish();
  }

  /** A partner's answer: taken in, and asked on while it leaves something to say. True when the exchange is over. */
  answered(ended: Call, from: MemberId, items: readonly Item[], canGoOn: boolean, now: number): boolean {
    if (ended.purpose === "hearing") {
      for (const item of items) if (item.kind === "refused") this.#respondRefused(from, item.reason);
      // Its certificates and its note. What else an accused member has to say comes by other ways.
      this.#parts.submit(this.#statementsOf(items).slice(0, INTRODUCTION_MAX), from, true, now, true);
      return false;
    }
    const builder = new PacketBuilder(PACKET_BYTES_MAX * this.#parts.partners.share(from));
    this.#submit(this.#statementsOf(items), from, false, now);
    const turn = { from, builder, isStranger: false, offered: offeredIn(items), now };
    for (const item of withoutRepeats(items)) this.#respond(item, turn);
    if (!items.some(({ kind }) => SAYS_NO.has(kind))) this.#parts.isolation.cleared(from, now);
    if (ended.purpose !== "exchange") return false;
    const isOver = builder.isEmpty || ended.round + 1 >= EXCHANGE_ROUNDS_MAX || !canGoOn;
    if (!isOver && this.#askOn(ended, from, builder, now)) return false;
    if (items.some((item) => item.kind === "more")) this.#again.add(from);
    return true;
  }

  /** Partners that had more to say are asked again; call it once what they said has been taken in. */
  resume(now: number): void {
    if (this.#again.size === 0) return;
    const ids = [...this.#again];
    this.#again.clear();
    for (const id of ids) {
      const to = this.#parts.view.partner(id);
      if (to && this.#parts.partners.take(id, "calls", now)) this.begin(to, now);
    }
  }

  #askOn(ended: Call, from: MemberId, builder: PacketBuilder, now: number): boolean {
    const { view, courier, partners } = this.#parts;
    // As many as it may make to me: beyond that a correct one would be told that I am busy, and a liar goes on for ever.
    if (!partners.take(from, "calls", now)) return false;
    // A contact's note may not have been taken in yet: then it is reached where it was just now.
    const to = view.partner(from) ?? { id: from, addresses: ended.to.addresses };
    const call = courier.begin("exchange", to, now, ended.round + 1);
    if (call) this.#send(call, builder);
    return call !== undefined;
  }

  #send({ number, to }: Call, builder: PacketBuilder, timeoutMs = CALL_TIMEOUT_MS): void {
    const packet = builder.finish();
    this.#parts.outbox.emit({ kind: "send", call: number, to, packet, timeoutMs });
  }

  /** With my note, the new one if it was due, and my certificates: the judge may have neither. */
  #answerSummons(builder: PacketBuilder, from: MemberId, items: readonly Item[], now: number): void {
    const { view, defence } = this.#parts;
    const summons = items.find((item) => item.kind === "summons");
    if (!summons) return;
    defence.summoned(from, summons, true, now);
    this.#add(builder, view.evidence.introduction(view.me));
  }

  #statementsOf(items: readonly Item[]): Uint8Array[] {
    return items.flatMap((item) => (item.kind === "statement" ? [item.bytes] : []));
  }

  #submit(statements: readonly Uint8Array[], from: MemberId, isNews: boolean, now: number): void {
    if (statements.length > 0) this.#parts.submit(statements, from, isNews, now);
  }

  #respond(item: Item, turn: Turn): void {
    const { partners } = this.#parts;
    const { from, builder, isStranger, now } = turn;
    if (item.kind === "range" && item.prefix === "") partners.learnFingerprint(from, item.hash);
    if (item.kind === "range" || item.kind === "children" || item.kind === "list") {
      if (isStranger) this.#redirect(from, builder, now);
      else this.#reconcile(item, turn);
    } else if (item.kind === "want") this.#give(from, item.digests, builder, isStranger, now);
    else if (item.kind === "offer") for (const digest of item.digests) this.#want(digest, builder);
    else if (item.kind === "interests") this.#wantInterests(item.offers, builder, now);
    else if (item.kind === "gone") this.#toldGone(from, item.epoch, now);
    else if (item.kind === "waits") this.#parts.isolation.hear(from, item.epoch, item.ms, now);
    else if (item.kind === "refused") this.#respondRefused(from, item.reason);
  }

  #toldGone(from: MemberId, epoch: bigint, now: number): void {
    this.#parts.isolation.hear(from, epoch, 0, now);
    this.#parts.defence.toldGone(epoch, now);
  }

  #respondRefused(from: MemberId, reason: string): void {
    this.#parts.outbox.emit({ kind: "rejected", from, what: "call", reason });
  }

  #reconcile(item: Item, { builder, offered }: Turn): void {
    // What does not fit any more is asked again: it must cost no work now.
    if (builder.isFull) return;
    const answer = reconcile(this.#parts.view.evidence.tree, item);
    for (const asked of answer.items) this.#ask(asked, builder);
    for (const digest of answer.want) if (!offered.has(digest)) this.#want(digest, builder);
    this.#add(builder, answer.give);
  }

  /** Interests that are listed are offered as well, so that only those are asked for that are news (rule R22). */
  #ask(item: Item, builder: PacketBuilder): void {
    if (!builder.item(item) || item.kind !== "list") return;
    for (const digest of item.digests) {
      if (!mayBeInterest(digest)) continue;
      const record = this.#parts.view.evidence.record(digest);
      const offer = record && offerOf(record);
      if (offer) builder.interest(offer);
    }
  }

  /** Rule R22: the packet that answers has room for some, and the next exchange asks for the rest. */
  #wantInterests(offers: readonly InterestOffer[], builder: PacketBuilder, now: number): void {
    let room = INTERESTS_PER_EXCHANGE_BYTES;
    for (const offer of offers) {
      if (offer.bytes > room || !this.#parts.isWorth(offer, now)) continue;
      room -= offer.bytes;
      this.#want(offer.digest, builder);
    }
  }

  #want(digest: string, builder: PacketBuilder): void {
    const { view, isPending } = this.#parts;
    if (!view.evidence.record(digest) && !isPending(digest)) builder.want(digest);
  }

  #give(from: MemberId, digests: readonly string[], builder: PacketBuilder, isStranger: boolean, now: number): void {
    const { view, partners } = this.#parts;
    const isPaid = (bytes: number) => !isStranger || partners.take(from, "strangerBytes", now, bytes);
    const records = digests.flatMap((digest) => view.evidence.record(digest) ?? []);
    for (const { digest, bytes } of records.filter((record) => !isInterest(record))) {
      if (!isPaid(bytes.length) || !builder.statement(digest, bytes)) return;
    }
    // Of these the packet has room for some, behind all others.
    for (const { digest, bytes } of records.filter(isInterest)) {
      if (isPaid(bytes.length)) builder.filler(digest, bytes);
    }
  }

  /** Rule R16: who is not my neighbour is told, once per interval, who its neighbours are. */
  #redirect(from: MemberId, builder: PacketBuilder, now: number): void {
    const { view, partners } = this.#parts;
    if (!partners.takeRedirect(from, now)) return;
    const neighbours = view.evidence.rings.neighbours(from, view.judgement.skip);
    const ids = [view.me, ...neighbours].filter((id) => id !== from);
    builder.item({ kind: "offer", digests: ids.flatMap((id) => view.evidence.introduction(id)) });
  }

  /**
   * Rule R15: whoever I hold as accused or gone is told so, and what stands against it is offered: it asks for what it has not.
   * Under a storm it has most of that, and certificates are long.
   */
  #addCharges(builder: PacketBuilder, about: MemberId, accusations: readonly HeldAccusation[], now: number): void {
    const { view } = this.#parts;
    const standing = view.judgement.standing(about);
    const note = view.note(about);
    if (standing === "live" || !note) return;
    if (standing === "removed") builder.item({ kind: "gone", epoch: note.epoch });
    if (standing === "waiting")
      builder.item({ kind: "waits", epoch: note.epoch, ms: view.judgement.waitOf(about, now) });
    const digests = this.#chargesOf(accusations.slice(0, CHARGES_MAX));
    if (digests.length > 0) builder.item({ kind: "offer", digests });
  }

  /** Each accusation after the certificate that it was signed under: a newcomer is known before it knows all others. */
  #chargesOf(accusations: readonly HeldAccusation[]): string[] {
    const digests = accusations.flatMap(({ accusation, digest }) => {
      const certificate = this.#parts.view.evidence.certificateDigest(accusation.certificate);
      return certificate === undefined ? [digest] : [certificate, digest];
    });
    return [...new Set(digests)];
  }

  #add(builder: PacketBuilder, digests: readonly string[]): void {
    for (const digest of digests) {
      const record = this.#parts.view.evidence.record(digest);
      const offer = record && offerOf(record);
      if (offer) builder.interest(offer);
      else if (record && !builder.statement(record.digest, record.bytes)) return;
    }
  }
}
