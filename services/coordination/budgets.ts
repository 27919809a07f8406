/**
 * What a member has left of each key's budget: a token bucket for each key, whose rate and size are the member's part. A function of
 * time that its callers tell; what is asked for is counted for the others.
 */
import { sha256 } from "../../identity/index.js";
import type { Demands, Shares } from "./shares.js";
import { KEY_DIGITS } from "./telling.js";

/** Keys that are looked at when room is needed: the oldest ones. */
const LOOKED_MAX = 8;
/** What is asked for is told with so much to spare, so that a member that grows need not tell it each time. */
const SPARE = 1.25;
/** Weight of the latest measure in the mean, over rounds of a quarter of a second: what was asked a second ago counts for a third. */
const LATEST = 0.25;
/** Below this share of what was told before, less is told. */
const FALLEN = 0.5;
/** Keys beyond those that are remembered share one budget, under this name, which no digest is. */
const OVERFLOW = "";

interface Spent {
  readonly digest: string;
  tokens: number;
  /** Of the last refill, monotonic milliseconds. */
  at: number;
  /** My part then, and the version of the shares that it follows from. */
  part: number;
  version: number;
  /** Units asked for in this round. */
  asked: number;
  /** Units asked for per interval, a mean over rounds. */
  mean: number;
  /** What was told last; 0: nothing. */
  told: number;
}

export interface BudgetsOptions {
  readonly intervalMs: number;
  readonly keysMax: number;
}

export class Budgets {
  readonly #options: BudgetsOptions;
  readonly #shares: Shares;
  readonly #keys = new Map<string, Spent>();
  #measuredAt: number;

  constructor(options: BudgetsOptions, shares: Shares, now: number) {
    this.#options = options;
    this.#shares = shares;
    this.#measuredAt = now;
  }

  get size(): number {
    return this.#keys.size;
  }

  take(key: string, units: number, now: number): boolean {
    const spent = this.#of(key, now);
    spent.asked += units;
    this.#refill(spent, now);
    if (spent.tokens + 1e-9 < units) return false;
    spent.tokens -= units;
    return true;
  }

  /** Units that could be taken now. */
  left(key: string, now: number): number {
    const spent = this.#keys.get(key);
    if (spent === undefined) return sizeOf(this.#shares.part(digestOf(key)));
    this.#refill(spent, now);
    return spent.tokens;
  }

  /** What this member asks for, by what it was asked since the last call. */
  measure(now: number): Demands {
    const rounds = (now - this.#measuredAt) / this.#options.intervalMs;
    if (rounds <= 0) return new Map();
    this.#measuredAt = now;
    const demands = new Map<string, number>();
    for (const spent of this.#keys.values()) {
      spent.mean += LATEST * (spent.asked / rounds - spent.mean);
      spent.asked = 0;
      const wanted = SPARE * spent.mean;
      // What changes little is not told again.
      if (wanted > spent.told || wanted < FALLEN * spent.told) spent.told = SPARE * wanted;
      demands.set(spent.digest, spent.told);
    }
    return demands;
  }

  #of(key: string, now: number): Spent {
    const known = this.#keys.get(key);
    if (known !== undefined) return known;
    const name = this.#hasRoom(now) ? key : OVERFLOW;
    const overflow = name === OVERFLOW ? this.#keys.get(OVERFLOW) : undefined;
    if (overflow !== undefined) return overflow;
    const digest = digestOf(name);
    const part = this.#shares.part(digest);
    const { version } = this.#shares;
    const spent: Spent = { digest, tokens: sizeOf(part), at: now, part, version, asked: 0, mean: 0, told: 0 };
    this.#keys.set(name, spent);
    return spent;
  }

  /** Room for one more: a bucket that is full again is as one that was never there. Those that are not stay, and are looked at last. */
  #hasRoom(now: number): boolean {
    if (this.#keys.size < this.#options.keysMax) return true;
    for (const [key, spent] of [...head(this.#keys, LOOKED_MAX)]) {
      this.#keys.delete(key);
      this.#refill(spent, now);
      if (key !== OVERFLOW && spent.asked === 0 && spent.tokens >= sizeOf(spent.part)) return true;
      this.#keys.set(key, spent);
    }
    return false;
  }

  /** By the smaller of my parts then and now: what I gave away meanwhile was not mine. */
  #refill(spent: Spent, now: number): void {
    const { version } = this.#shares;
    const part = version === spent.version ? spent.part : this.#shares.part(spent.digest);
    const since = Math.max(0, now - spent.at);
    const come = (since * Math.min(part, spent.part)) / this.#options.intervalMs;
    spent.tokens = Math.min(sizeOf(part), spent.tokens + come);
    spent.part = part;
    spent.version = version;
    spent.at = Math.max(now, spent.at);
  }
}

/** A bucket of less than one would never give anything. */
function sizeOf(part: number): number {
  return Math.max(1, part);
}

function digestOf(key: string): string {
  return Buffer.from(sha256(new TextEncoder().encode(key)))
    .toString("base64url")
    .slice(0, KEY_DIGITS);
}

function* head<K, V>(map: ReadonlyMap<K, V>, count: number): Iterable<[K, V]> {
  let taken = 0;
  for (const entry of map) {
    if (taken++ >= count) return;
    yield entry;
  }
}
