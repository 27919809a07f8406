/**
 * Calls to partners and what waits to be sent to them. At most one call of a kind per partner, hearings apart, and so many in all, so
 * that nobody who is slow holds up anybody else; every call ends, by its answer, its failure or its age.
 */
import type { MemberId } from "../../rings/index.js";
import { EXCHANGES_MAX, FRESH_MAX, HEARINGS_MAX, INTEREST_PUSHES_MAX, PUSHES_MAX } from "../limits.js";
import type { Recipient } from "../outputs.js";

/** Milliseconds that a partner has for one answer (docs/protocol.md, Faults: a neighbour that accepts and never answers). */
export const CALL_TIMEOUT_MS = 2000;
/** Milliseconds added to the driver's deadline before a call without an end is given up here. */
const CALL_GRACE_MS = 3000;

/** Interests are pushed beside what membership needs, which so waits for none of them. */
export type Pushed = "push" | "interest";
export type Purpose = "exchange" | "hearing" | Pushed;

const CALLS_MAX: Readonly<Record<Purpose, number>> = {
  exchange: EXCHANGES_MAX,
  push: PUSHES_MAX,
  hearing: HEARINGS_MAX,
  interest: INTEREST_PUSHES_MAX,
};

export interface Call {
  readonly number: number;
  readonly purpose: Purpose;
  readonly to: Recipient;
  readonly startedAt: number;
  /** Calls of this exchange before this one. */
  readonly round: number;
}

export class Courier {
  readonly #calls = new Map<number, Call>();
  readonly #counts: Record<Purpose, number> = { exchange: 0, push: 0, hearing: 0, interest: 0 };
  readonly #busy = new Set<string>();
  readonly #outboxes: Readonly<Record<Pushed, Map<MemberId, Set<string>>>> = { push: new Map(), interest: new Map() };
  #next = 1;

  get isIdle(): boolean {
    return this.#calls.size === 0 && Object.values(this.#outboxes).every(({ size }) => size === 0);
  }

  /** Calls of one purpose under way. */
  count(purpose: Purpose): number {
    return this.#counts[purpose];
  }

  /**
   * Undefined when the partner is busy with such a call, or too many calls are under way. A hearing does not wait for the one
   * before: whoever holds that until its deadline must not keep the next one from being made.
   */
  begin(purpose: Purpose, to: Recipient, now: number, round = 0): Call | undefined {
    const key = busyKey(purpose, to);
    const isBusy = purpose !== "hearing" && this.#busy.has(key);
    if (isBusy || this.count(purpose) >= CALLS_MAX[purpose]) return undefined;
    const call: Call = { number: this.#next++, purpose, to, startedAt: now, round };
    this.#calls.set(call.number, call);
    this.#counts[purpose] += 1;
    this.#busy.add(key);
    return call;
  }

  /** Undefined for an answer that comes twice, or after the call was given up. */
  end(number: number): Call | undefined {
    const call = this.#calls.get(number);
    if (!call) return undefined;
    this.#calls.delete(number);
    this.#counts[call.purpose] -= 1;
    this.#busy.delete(busyKey(call.purpose, call.to));
    return call;
  }

  /** Calls whose driver has forgotten them. */
  overdue(now: number): Call[] {
    return [...this.#calls.values()].filter((call) => now - call.startedAt > CALL_TIMEOUT_MS + CALL_GRACE_MS);
  }

  /** Leaves a record for a partner; it goes out with the next push to it. */
  post(to: MemberId, digest: string, as: Pushed = "push"): void {
    const outbox = this.#outboxes[as];
    const waiting = outbox.get(to) ?? new Set();
    if (waiting.size < FRESH_MAX) waiting.add(digest);
    outbox.set(to, waiting);
  }

  /** Partners with waiting records whose turn it may be. */
  recipients(as: Pushed = "push"): MemberId[] {
    return [...this.#outboxes[as].keys()];
  }

  /** The records that have waited longest for a partner, so many at most: thousands can, and a push carries few. */
  waiting(to: MemberId, max: number, as: Pushed = "push"): readonly string[] {
    const first: string[] = [];
    for (const digest of this.#outboxes[as].get(to) ?? []) {
      if (first.length >= max) break;
      first.push(digest);
    }
    return first;
  }

  /** Nothing waits for this one any more. */
  discard(to: MemberId, as: Pushed = "push"): void {
    this.#outboxes[as].delete(to);
  }

  posted(to: MemberId, digests: readonly string[], as: Pushed = "push"): void {
    const waiting = this.#outboxes[as].get(to);
    for (const digest of digests) waiting?.delete(digest);
    if (waiting?.size === 0) this.#outboxes[as].delete(to);
  }
}

function busyKey(purpose: Purpose, to: Recipient): string {
  return `${purpose} ${to.id ?? to.addresses[0]}`;
}
