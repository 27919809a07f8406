/**
 * How fast bytes pass: a token bucket for each member and one for all. What is over its rate waits, and nothing is cut. When
 * more is wanted than all may have, the member goes first that has had least of late (start-time fair queueing, Goyal et al.,
 * 1996), so that one who floods delays itself. On a clock that its caller reads; `deadline` says when to call `tick`.
 */
import type { MemberId } from "../../rings/index.js";
import { BURST_SECONDS } from "./limits.js";

export interface ShaperRates {
  /** Bytes per second. */
  readonly inAll: number;
  /** Bytes per second of one member. */
  readonly perMember: number;
}

/** Bytes that may go now. One chunk may overdraw it, and then it is paid off: chunks need not be split. */
class Allowance {
  /** Bytes a millisecond. */
  #rate = 0;
  #burst = 0;
  #bytes = 0;
  #at: number;

  constructor(bytesPerSecond: number, now: number) {
    this.#at = now;
    this.setRate(bytesPerSecond, now);
    this.#bytes = this.#burst;
  }

  /** What was overdrawn is paid off at the new rate. */
  setRate(bytesPerSecond: number, now: number): void {
    this.#refill(now);
    this.#rate = bytesPerSecond / 1_000;
    this.#burst = bytesPerSecond * BURST_SECONDS;
    this.#bytes = Math.min(this.#bytes, this.#burst);
  }

  isOpen(now: number): boolean {
    this.#refill(now);
    return this.#bytes > 0;
  }

  isFull(now: number): boolean {
    this.#refill(now);
    return this.#bytes >= this.#burst;
  }

  /** When it is open again, a little after it really is: a rounding error must not bring its caller too early. */
  get opensAt(): number {
    return this.#bytes > 0 ? this.#at : this.#at - this.#bytes / this.#rate + 0.01;
  }

  spend(bytes: number): void {
    this.#bytes -= bytes;
  }

  #refill(now: number): void {
    this.#bytes = Math.min(this.#burst, this.#bytes + Math.max(0, now - this.#at) * this.#rate);
    this.#at = Math.max(this.#at, now);
  }
}

interface Waiting {
  readonly bytes: number;
  readonly go: () => void;
}

class Account {
  readonly allowance: Allowance;
  readonly waiting: Waiting[] = [];
  /** Virtual time: bytes that it has had, or has missed the chance to have. */
  had = 0;

  constructor(rate: number, now: number) {
    this.allowance = new Allowance(rate, now);
  }
}

export class Shaper {
  #rates: ShaperRates;
  readonly #inAll: Allowance;
  readonly #accounts = new Map<MemberId, Account>();
  /** Members of whom something waits. */
  readonly #crowd = new Set<Account>();
  /** What the member has had that went last while others waited: who comes later begins there. */
  #virtual = 0;

  constructor(rates: ShaperRates, now: number) {
    this.#rates = rates;
    this.#inAll = new Allowance(rates.inAll, now);
  }

  setRates(rates: ShaperRates, now: number): void {
    this.#rates = rates;
    this.#inAll.setRate(rates.inAll, now);
    for (const { allowance } of this.#accounts.values()) allowance.setRate(rates.perMember, now);
  }

  /** Members of whom something waits now. */
  get delayed(): number {
    return this.#crowd.size;
  }

  /**
   * True when these bytes of the member may go at once. Otherwise `go` is called by a later `tick`; the caller asks for nothing
   * more of that direction meanwhile, so what waits is bounded by the connections.
   */
  take(member: MemberId, bytes: number, now: number, go: () => void): boolean {
    const account = this.#accountOf(member, now);
    const mayGo = this.#crowd.size === 0 && this.#inAll.isOpen(now) && account.allowance.isOpen(now);
    if (mayGo) this.#spend(account, bytes);
    else {
      if (account.waiting.length === 0) account.had = Math.max(account.had, this.#virtual);
      account.waiting.push({ bytes, go });
      this.#crowd.add(account);
    }
    return mayGo;
  }

  /** When something that waits may go, milliseconds; undefined while nothing waits. */
  get deadline(): number | undefined {
    if (this.#crowd.size === 0) return undefined;
    const first = Math.min(...[...this.#crowd].map(({ allowance }) => allowance.opensAt));
    return Math.max(first, this.#inAll.opensAt);
  }

  /** Lets go what may go now. */
  tick(now: number): void {
    while (this.#inAll.isOpen(now)) {
      const next = this.#next(now);
      if (next === undefined) return;
      const { bytes, go } = next.waiting.shift() as Waiting;
      if (next.waiting.length === 0) this.#crowd.delete(next);
      this.#virtual = Math.max(this.#virtual, next.had);
      this.#spend(next, bytes);
      go();
    }
  }

  /** Forgets who has its whole allowance again. */
  tidy(now: number): void {
    for (const [member, { allowance, waiting }] of this.#accounts)
      if (waiting.length === 0 && allowance.isFull(now)) this.#accounts.delete(member);
  }

  #spend(account: Account, bytes: number): void {
    account.had += bytes;
    account.allowance.spend(bytes);
    this.#inAll.spend(bytes);
  }

  #next(now: number): Account | undefined {
    let next: Account | undefined;
    for (const account of this.#crowd)
      if (account.allowance.isOpen(now) && account.had < (next?.had ?? Number.POSITIVE_INFINITY)) next = account;
    return next;
  }

  #accountOf(member: MemberId, now: number): Account {
    const known = this.#accounts.get(member) ?? new Account(this.#rates.perMember, now);
    if (!this.#accounts.has(member)) {
      known.had = this.#virtual;
      this.#accounts.set(member, known);
    }
    return known;
  }
}
