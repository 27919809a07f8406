/**
 * What is remembered of each partner: its last fingerprint, its budgets, when it was last called; and what its packet costs it
 * before anything in it is looked at.
 */
import {
  type Bucket,
  type BucketRate,
  equalBytes,
  fullBucket,
  type MemberId,
  refilled,
  spend,
} from "../../rings/index.js";
import {
  PACKETS_PER_LIE,
  PARTNER_DEBT_MAX,
  PARTNER_PACKETS_BURST,
  PARTNER_PACKETS_PER_INTERVAL,
  PARTNER_STATEMENTS_BURST,
  PARTNER_STATEMENTS_PER_INTERVAL,
  PARTNER_SUMMONSES_PER_INTERVAL,
  PARTNERS_MAX,
  STRANGER_BYTES_PER_INTERVAL,
} from "../limits.js";
import { type Item, isSummons, parsePacket, SUMMONS_BYTES } from "../records/packet.js";

/** Of an interval, between two exchanges with a partner: a tick that comes a moment early must not cost a whole one. */
const EXCHANGE_SHARE = 0.9;

/** A failed call halves the next packet to a partner, an answered one doubles it again; this is the smallest share of a full one. */
const PACKET_SHARE_MIN = 1 / 64;

/** What is counted for each partner, and refills with time. */
type Purse =
  /** Packets that it sends, and statements in its requests. */
  | "packets"
  | "statements"
  /** Summonses for which it is heard though its packets are used up. */
  | "summonses"
  /** Rule R16: what it may pull while it is not my neighbour. */
  | "strangerBytes"
  /** My calls to it that its own answers ask for. */
  | "calls";

interface Partner extends Record<Purse, Bucket> {
  /** Of the largest packet, what a call to it carries. */
  share: number;
  fingerprint: Uint8Array | undefined;
  redirectedAt: number;
  exchangedAt: number;
}

export class Partners {
  readonly #partners = new Map<MemberId, Partner>();
  readonly #rates: Readonly<Record<Purse, BucketRate>>;
  /** Everyone begins with these: most partners never spend any. */
  readonly #full: Readonly<Record<Purse, Bucket>>;
  readonly #gossipMs: number;

  constructor(gossipMs: number) {
    this.#gossipMs = gossipMs;
    const rate = (burst: number, perInterval: number): BucketRate => ({ burst, refillMs: gossipMs / perInterval });
    const packets = rate(PARTNER_PACKETS_BURST, PARTNER_PACKETS_PER_INTERVAL);
    this.#rates = {
      packets,
      calls: packets,
      statements: rate(PARTNER_STATEMENTS_BURST, PARTNER_STATEMENTS_PER_INTERVAL),
      summonses: rate(PARTNER_SUMMONSES_PER_INTERVAL, PARTNER_SUMMONSES_PER_INTERVAL),
      strangerBytes: rate(STRANGER_BYTES_PER_INTERVAL, STRANGER_BYTES_PER_INTERVAL),
    };
    this.#full = {
      packets: fullBucket(this.#rates.packets, 0),
      calls: fullBucket(this.#rates.calls, 0),
      statements: fullBucket(this.#rates.statements, 0),
      summonses: fullBucket(this.#rates.summonses, 0),
      strangerBytes: fullBucket(this.#rates.strangerBytes, 0),
    };
  }

  /** Takes what something costs from one of a partner's budgets, before the work on it begins. False when it does not hold that. */
  take(id: MemberId, purse: Purse, now: number, cost = 1): boolean {
    const partner = this.#of(id);
    const left = spend(partner[purse], this.#rates[purse], now, cost);
    if (left) partner[purse] = left;
    return left !== undefined;
  }

  /** A lie is paid for when it is found out, also with packets that are not there yet: a partner may be in debt. */
  punish(id: MemberId, now: number): void {
    const partner = this.#of(id);
    const { tokens, at } = refilled(partner.packets, this.#rates.packets, now);
    partner.packets = { tokens: Math.max(-PARTNER_DEBT_MAX, tokens - PACKETS_PER_LIE), at };
  }

  /** Rule R16: at most one redirect per interval. */
  takeRedirect(id: MemberId, now: number): boolean {
    const partner = this.#of(id);
    if (now - partner.redirectedAt < this.#gossipMs) return false;
    partner.redirectedAt = now;
    return true;
  }

  /** Protocol section 5: at most one exchange started per partner and interval. */
  takeExchange(id: MemberId, now: number): boolean {
    const partner = this.#of(id);
    if (now - partner.exchangedAt < EXCHANGE_SHARE * this.#gossipMs) return false;
    partner.exchangedAt = now;
    return true;
  }

  /** The share of the largest packet that a call to this partner may carry: a line that loses much brings small ones. */
  share(id: MemberId): number {
    return this.#partners.get(id)?.share ?? 1;
  }

  /** How a call to it ended. */
  called(id: MemberId, isAnswered: boolean): void {
    // Of those that were never called in vain nothing need be remembered.
    if (isAnswered && !this.#partners.has(id)) return;
    const partner = this.#of(id);
    partner.share = isAnswered ? Math.min(1, 2 * partner.share) : Math.max(PACKET_SHARE_MIN, partner.share / 2);
  }

  learnFingerprint(id: MemberId, fingerprint: Uint8Array): void {
    this.#of(id).fingerprint = fingerprint;
  }

  holdsSame(id: MemberId, fingerprint: Uint8Array): boolean {
    const known = this.#partners.get(id)?.fingerprint;
    return known !== undefined && equalBytes(known, fingerprint);
  }

  forget(id: MemberId): void {
    this.#partners.delete(id);
  }

  #of(id: MemberId): Partner {
    let partner = this.#partners.get(id);
    if (partner) this.#partners.delete(id);
    else partner = this.#new();
    this.#partners.set(id, partner);
    if (this.#partners.size > PARTNERS_MAX) this.#forgetOldest();
    return partner;
  }

  #forgetOldest(): void {
    const oldest = this.#partners.keys().next().value;
    if (oldest !== undefined) this.#partners.delete(oldest);
  }

  #new(): Partner {
    // One by one: to spread an object into a longer one takes the engine ten times as long, and newcomers meet hundreds.
    const { packets, statements, summonses, strangerBytes, calls } = this.#full;
    return {
      packets,
      statements,
      summonses,
      strangerBytes,
      calls,
      share: 1,
      fingerprint: undefined,
      redirectedAt: Number.NEGATIVE_INFINITY,
      exchangedAt: Number.NEGATIVE_INFINITY,
    };
  }
}

/** The items of a packet that may be looked at, or why none may. */
export type Received = { readonly items: readonly Item[] } | { readonly refused: string };

/**
 * Beyond its budget a partner is told `busy`, but for one thing: a judge whose pushes have used it up is still heard as a judge
 * (rule R20).
 */
export function receive(partners: Partners, from: MemberId, packet: Uint8Array, now: number): Received {
  if (!partners.take(from, "packets", now)) return summonsIn(partners, from, packet, now);
  const parsed = parsePacket(packet);
  if (!parsed.ok) {
    partners.punish(from, now);
    return { refused: parsed.reason };
  }
  const statements = parsed.items.filter((item) => item.kind === "statement").length;
  return partners.take(from, "statements", now, statements) ? parsed : summonsIn(partners, from, packet, now);
}

/** Two bytes tell whether a packet begins with one. How often that is heard has a budget of its own. */
function summonsIn(partners: Partners, from: MemberId, packet: Uint8Array, now: number): Received {
  const isHeard = isSummons(packet) && partners.take(from, "summonses", now);
  const parsed = isHeard ? parsePacket(packet.subarray(0, SUMMONS_BYTES)) : undefined;
  return parsed?.ok ? parsed : { refused: "busy" };
}
