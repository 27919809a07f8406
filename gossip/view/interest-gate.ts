/**
 * How often a member's interest is admitted (rule R22): bytes have a budget, and the newest well-signed one beyond it waits for
 * its time. So who signs one version after the other uses up its own share, here and at all others.
 */
import type { MemberId } from "../../rings/index.js";
import { Budgets } from "../budget.js";
import {
  INTEREST_BURST_BYTES,
  INTEREST_BYTES_PER_INTERVAL,
  INTEREST_COST_MIN,
  INTERESTS_WAITING_MAX,
} from "../limits.js";
import type { InterestOffer, SignedInterest } from "../records/interest.js";
import type { StoredRecord } from "../records/statement.js";
import type { Verified } from "../records/verified.js";

/** Interests of one member that are checked in vain per gossip interval, because they must wait: only itself can make more. */
const CHECKED_PER_INTERVAL = 8;

export interface WaitingInterest extends StoredRecord {
  readonly interest: Verified<SignedInterest>;
}

/** What an interest takes from its subject's budget, bytes. */
export function interestCost({ body }: { readonly body: Uint8Array }): number {
  return costOf(body.length);
}

function costOf(bytes: number): number {
  return Math.max(INTEREST_COST_MIN, bytes);
}

/** The budget's rate; each member keeps to it with what it signs itself. `intervalMs`: rule R11's. */
export function interestRate(intervalMs: number): { readonly burst: number; readonly refillMs: number } {
  return { burst: INTEREST_BURST_BYTES, refillMs: intervalMs / INTEREST_BYTES_PER_INTERVAL };
}

export class InterestGate {
  readonly #budgets: Budgets;
  readonly #checks: Budgets;
  readonly #waiting = new Map<MemberId, WaitingInterest>();

  constructor(intervalMs: number) {
    this.#budgets = new Budgets(interestRate(intervalMs));
    this.#checks = new Budgets({ burst: CHECKED_PER_INTERVAL, refillMs: intervalMs / CHECKED_PER_INTERVAL });
  }

  /** Why it is not worth a check. `spent`: what the same packet has sent to be checked of this member before, bytes. */
  excess(interest: SignedInterest, digest: string, spent: number, now: number): string | undefined {
    const { id, version } = interest;
    if (this.#budgets.affords(id, now, spent + interestCost(interest))) return undefined;
    const waiting = this.#waiting.get(id);
    if (waiting?.digest === digest) return "duplicate";
    if (waiting && waiting.interest.version > version) return "stale";
    return this.#checks.affords(id, now, 1) ? undefined : "interest-budget";
  }

  /** When it may be admitted; not after `now` when it may be now. */
  admissibleAt(interest: SignedInterest, now: number): number {
    return this.#budgets.affordableAt(interest.id, now, interestCost(interest));
  }

  admitted(interest: SignedInterest, now: number): void {
    this.#budgets.take(interest.id, now, interestCost(interest));
  }

  /** False when as many wait as may: it comes again when views are compared. */
  park(interest: WaitingInterest, now: number): boolean {
    const { id } = interest.interest;
    this.#checks.take(id, now);
    if (!this.#waiting.has(id) && this.#waiting.size >= INTERESTS_WAITING_MAX) return false;
    this.#waiting.set(id, interest);
    return true;
  }

  take(id: MemberId): WaitingInterest | undefined {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    return waiting;
  }

  /** Would it be admitted at once? What must wait is not asked for: it is offered again. */
  affords({ id, version, bytes }: InterestOffer, now: number): boolean {
    const waiting = this.#waiting.get(id);
    return (
      (waiting === undefined || version > waiting.interest.version) && this.#budgets.affords(id, now, costOf(bytes))
    );
  }

  tidy(now: number): void {
    this.#budgets.tidy(now);
    this.#checks.tidy(now);
  }
}
