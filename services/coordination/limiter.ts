/**
 * A budget for each key that all members of a group share: so many units per interval, wherever they are asked for. Decided at once,
 * without asking anybody: each member spends its part, and parts follow what is asked for where. What it promises, and what not, is in
 * docs/adapters.md.
 */
import { requireName } from "../../client/offers/name.js";
import type { Sender } from "../../client/types.js";
import { outOfRange, ReplyError, wrongType } from "../../identity/index.js";
import { isAllowed, parseAccess } from "../access.js";
import { Budgets } from "./budgets.js";
import { Shares, type Telling } from "./shares.js";
import { decodeTelling, encodeTelling } from "./telling.js";
import { type CoordinationClient, endOf, type Taking, takingPart, watchView } from "./view.js";

/** Between two measures of what is asked for, milliseconds. */
export const ROUND_MS = 250;
/** A member that has not acknowledged within this is told again, milliseconds. */
export const TELL_MS = 2_000;
const KEYS_MAX_DEFAULT = 10_000;
/** About 200 bytes each, and each is looked at four times a second. */
const KEYS_MAX_MAX = 100_000;
const RESERVE_DEFAULT = 0.25;

export interface RateLimiterOptions {
  /** Units per interval of each key, of all members together. All members must be given the same. */
  readonly limit: number;
  /** The interval, milliseconds: 1,000 by default. */
  readonly intervalMs?: number | undefined;
  /**
   * The part of an equal share that each member keeps of each key while others ask for more: it can be spent at once. 0 to 1, 0.25 by
   * default. With 1 the budget is divided equally, whatever is asked for.
   */
  readonly reserve?: number | undefined;
  /** Who shares the budget, by the rules of forwards: `["api-*"]`. All members must be given the same. Everybody by default. */
  readonly allow?: readonly string[] | undefined;
  /** Keys that are remembered: 10,000 by default. More than that share one budget. */
  readonly keysMax?: number | undefined;
  /** Ends it, as `close` does. */
  readonly signal?: AbortSignal | undefined;
}

/** A budget that is shared. */
export interface RateLimiter extends AsyncDisposable {
  /** Takes so many units of a key's budget, 1 by default; false when this member has not so many left. */
  take(key: string, units?: number): boolean;
  /** Units of the key that this member could take now. */
  left(key: string): number;
  /** The members that share it, this one included. */
  readonly members: number;
  /** Takes no part any more: the others divide its part among them, and `take` is always false. */
  close(): Promise<void>;
}

/**
 * `rateLimiter(client, "api", { limit: 100 })` on each member of the group; `limiter.take(request.ip)` before each piece of work. Throws
 * "not-started", "name-invalid", "name-taken", "access-invalid", and a RangeError for a number.
 */
export function rateLimiter(client: CoordinationClient, name: string, options: RateLimiterOptions): RateLimiter {
  requireName(name, "rate limiter");
  const { limit, intervalMs = 1_000, reserve = RESERVE_DEFAULT, keysMax = KEYS_MAX_DEFAULT } = options;
  requireWithin("limit", limit, Number.MIN_VALUE, Number.MAX_SAFE_INTEGER);
  requireWithin("intervalMs", intervalMs, 1, 24 * 60 * 60_000);
  requireWithin("reserve", reserve, 0, 1);
  requireWithin("keysMax", keysMax, 1, KEYS_MAX_MAX);
  void client.self; // Throws before the client has started.
  return new RunningLimiter(client, name, { ...options, intervalMs, reserve, keysMax });
}

function requireWithin(name: string, value: unknown, least: number, most: number): void {
  if (typeof value === "number" && value >= least && value <= most) return;
  throw outOfRange(`${name} is a number from ${least} to ${most}, not ${String(value)}.`);
}

interface Plan extends RateLimiterOptions {
  readonly intervalMs: number;
  readonly reserve: number;
  readonly keysMax: number;
}

class RunningLimiter implements RateLimiter {
  readonly #client: CoordinationClient;
  readonly #limit: number;
  readonly #taking: Taking;
  readonly #shares: Shares;
  readonly #budgets: Budgets;
  readonly #closing = new AbortController();
  /** Of this process: what a former one has told counts no more. Unix milliseconds. */
  readonly #life = Date.now();
  readonly #telling = new Set<string>();
  readonly #timer: NodeJS.Timeout;
  #members = 1;

  constructor(client: CoordinationClient, name: string, { limit, intervalMs, reserve, keysMax, ...options }: Plan) {
    this.#client = client;
    this.#limit = limit;
    this.#taking = { service: `limit/${name}`, rules: parseAccess(options.allow ?? ["*"]) };
    this.#shares = new Shares({ budget: limit, reserve });
    this.#budgets = new Budgets({ intervalMs, keysMax }, this.#shares, performance.now());
    const { signal } = this.#closing;
    client.serve(this.#taking.service, (data, { from }) => this.#answer(data, from), { signal });
    this.#timer = setInterval(() => this.#round(), ROUND_MS).unref();
    const ending = endOf(client, signal, options.signal, () => this.close());
    this.#viewed();
    watchView(client, ending, () => this.#viewed()).catch(() => {}); // The client has stopped.
  }

  get members(): number {
    return this.#members;
  }

  take(key: string, units = 1): boolean {
    requireKey(key);
    if (!(units > 0 && units <= this.#limit)) throw outOfRange(`units are above 0 and at most ${this.#limit}.`);
    return !this.#closing.signal.aborted && this.#budgets.take(key, units, performance.now());
  }

  left(key: string): number {
    requireKey(key);
    return this.#closing.signal.aborted ? 0 : this.#budgets.left(key, performance.now());
  }

  async close(): Promise<void> {
    this.#closing.abort();
    clearInterval(this.#timer);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #viewed(): void {
    const others = takingPart(this.#client, this.#taking, false);
    this.#members = others.length + 1;
    this.#shares.members(others.map(({ id }) => id));
    this.#tellThem();
  }

  #round(): void {
    this.#shares.ask(this.#budgets.measure(performance.now()));
    this.#tellThem();
  }

  #tellThem(): void {
    for (const id of this.#shares.behind) if (!this.#telling.has(id)) void this.#tell(id, this.#shares.tell(id));
  }

  async #tell(id: string, telling: Telling): Promise<void> {
    this.#telling.add(id);
    const options = { service: this.#taking.service, timeout: TELL_MS, signal: this.#closing.signal };
    try {
      await this.#client.sendToId(id, encodeTelling(this.#life, telling), options);
      this.#shares.acknowledged(id, telling);
    } catch {
      // It does not count with what I ask for, and so I do not: it is told again.
    } finally {
      this.#telling.delete(id);
    }
  }

  #answer(data: Uint8Array, from: Sender): undefined {
    const member = this.#client.member(from.id);
    if (member === undefined || !isAllowed(this.#taking.rules, member))
      throw new ReplyError("You have no share in this budget.", { code: "not-a-member" });
    const telling = decodeTelling(data);
    if (telling === undefined)
      throw new ReplyError("That says nothing that a rate limiter says.", { code: "malformed" });
    if (!this.#shares.heard(from.id, telling.life, telling))
      throw new ReplyError("I have not heard yet that you take part.", { code: "unknown-here" });
  }
}

function requireKey(key: unknown): void {
  if (typeof key !== "string") throw wrongType("A key is a string.");
}
