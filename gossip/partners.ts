/** What is remembered of each partner: its last fingerprint, its budgets, when it was last called. */
import { equalBytes, type MemberId } from "../rings/index.js";
import { type Budget, type BudgetRate, fullBudget, refilled, spend } from "./budget.js";
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
} from "./limits.js";

/** Of an interval, between two exchanges with a partner: a tick that comes a moment early must not cost a whole one. */
const EXCHANGE_SHARE = 0.9;

/** After a call that failed the next packet is half as large, and twice after one that was answered; at least this share of a full one. */
const PACKET_SHARE_MIN = 1 / 64;

interface Partner {
  /** Of the largest packet, what a call to it carries. */
  share: number;
  fingerprint: Uint8Array | undefined;
  packets: Budget;
  summonses: Budget;
  statements: Budget;
  strangerBytes: Budget;
  redirectedAt: number;
  exchangedAt: number;
}

export class Partners {
  readonly #partners = new Map<MemberId, Partner>();
  readonly #packetRate: BudgetRate;
  readonly #summonsRate: BudgetRate;
  readonly #statementRate: BudgetRate;
  readonly #byteRate: BudgetRate;
  /** Everyone begins with these: most partners never spend any. */
  readonly #full: Pick<Partner, "packets" | "summonses" | "statements" | "strangerBytes">;
  readonly #gossipMs: number;

  constructor(gossipMs: number) {
    this.#gossipMs = gossipMs;
    this.#packetRate = { burst: PARTNER_PACKETS_BURST, refillMs: gossipMs / PARTNER_PACKETS_PER_INTERVAL };
    const summonsMs = gossipMs / PARTNER_SUMMONSES_PER_INTERVAL;
    this.#summonsRate = { burst: PARTNER_SUMMONSES_PER_INTERVAL, refillMs: summonsMs };
    const statementMs = gossipMs / PARTNER_STATEMENTS_PER_INTERVAL;
    this.#statementRate = { burst: PARTNER_STATEMENTS_BURST, refillMs: statementMs };
    this.#byteRate = { burst: STRANGER_BYTES_PER_INTERVAL, refillMs: gossipMs / STRANGER_BYTES_PER_INTERVAL };
    this.#full = {
      packets: fullBudget(this.#packetRate, 0),
      summonses: fullBudget(this.#summonsRate, 0),
      statements: fullBudget(this.#statementRate, 0),
      strangerBytes: fullBudget(this.#byteRate, 0),
    };
  }

  /** May this partner send another packet now? */
  takePacket(id: MemberId, now: number): boolean {
    const partner = this.#of(id);
    const left = spend(partner.packets, this.#packetRate, now);
    if (left) partner.packets = left;
    return left !== undefined;
  }

  /** May this partner, whose packets are used up, still summon me? */
  takeSummons(id: MemberId, now: number): boolean {
    const partner = this.#of(id);
    const left = spend(partner.summonses, this.#summonsRate, now);
    if (left) partner.summonses = left;
    return left !== undefined;
  }

  /** May it send so many statements more? Asked before the work on them begins. */
  takeStatements(id: MemberId, count: number, now: number): boolean {
    const partner = this.#of(id);
    const left = spend(partner.statements, this.#statementRate, now, count);
    if (left) partner.statements = left;
    return left !== undefined;
  }

  /** A lie is paid for when it is found out, also with packets that are not there yet: a partner may be in debt. */
  punish(id: MemberId, now: number): void {
    const partner = this.#of(id);
    const { tokens, at } = refilled(partner.packets, this.#packetRate, now);
    partner.packets = { tokens: Math.max(-PARTNER_DEBT_MAX, tokens - PACKETS_PER_LIE), at };
  }

  /** Rule R16: how much a partner that is not my neighbour may still pull in this interval. */
  takeStrangerBytes(id: MemberId, bytes: number, now: number): boolean {
    const partner = this.#of(id);
    const left = spend(partner.strangerBytes, this.#byteRate, now, bytes);
    if (left) partner.strangerBytes = left;
    return left !== undefined;
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
    return {
      share: 1,
      fingerprint: undefined,
      packets: this.#full.packets,
      summonses: this.#full.summonses,
      statements: this.#full.statements,
      strangerBytes: this.#full.strangerBytes,
      redirectedAt: Number.NEGATIVE_INFINITY,
      exchangedAt: Number.NEGATIVE_INFINITY,
    };
  }
}
