/**
 * Keys that are spread over the members that offer a service, as those of a cache: who holds a key, and what is handed over when the
 * view changes. By rendezvous hashing: a member that comes takes its share from all, one that goes leaves its own to all, and no
 * other key moves. While views differ two members may believe that they hold a key: good for caches, and for what can be made anew.
 */
import { requireName } from "../../client/offers/name.js";
import type { Member } from "../../client/types.js";
import { outOfRange, sha256 } from "../../identity/index.js";
import { closest } from "../../rings/index.js";
import { owedFor } from "./owed.js";
import { type CoordinationClient, endOf, watchView } from "./view.js";

/** Between a change of the view and the hand-over, milliseconds: members that come together are one change. */
export const SETTLE_MS = 250;
/** Keys that are looked at before other work has its turn: some milliseconds, with fifty members. */
const SLICE = 32;
/** Hand-overs under way at once. */
export const HANDING_MAX = 16;
/** After a hand-over that failed all are tried again, at first after this, then after twice as long, milliseconds. */
const AGAIN_MS = 1_000;
const AGAIN_MS_MAX = 30_000;
/** Copies of a key at most: more would be a copy at everybody. */
const COPIES_MAX = 16;

/** Of keys that a program holds. */
export interface HoldOptions {
  /** Members that hold each key: 1 to 16, 1 by default. With 2 a member that dies loses no key. */
  readonly copies?: number | undefined;
  /** The keys that this member holds now; asked at each change of the view. */
  readonly keys: () => Iterable<string>;
  /**
   * Gives a key to a member that holds it from now on: by a message of the program's own. May be called again for the same key and
   * member; the signal fires when the view has changed meanwhile.
   */
  readonly handOver: (key: string, to: Member, signal: AbortSignal) => Promise<void> | void;
  /** This member holds the key no more, and it was handed over. */
  readonly drop?: ((key: string) => void) | undefined;
  /** Told why a hand-over failed; it is tried again. */
  readonly onError?: ((error: unknown, key: string, to: Member) => void) | undefined;
  /** Ends it, as `close` does. */
  readonly signal?: AbortSignal | undefined;
}

/** Keys that are held. */
export interface Holding extends AsyncDisposable {
  /** Those that hold the key, the first one first. */
  holders(key: string): readonly Member[];
  /** Does this member hold it? */
  isMine(key: string): boolean;
  /** Resolves when all that changed so far is handed over. Rejects with the signal's reason. */
  settled(options?: { readonly signal?: AbortSignal }): Promise<void>;
  /** Hands nothing over any more; resolves when what is under way has ended. */
  close(): Promise<void>;
}

/** The members that hold a key, the first one first: those that offer the service, this one included. The same for all with one view. */
export function holders(
  client: Pick<CoordinationClient, "self" | "members">,
  service: string,
  key: string,
  copies = 1,
): Member[] {
  return closest(sha256, key, offering(client, service), copies);
}

/**
 * `holdKeys(client, "cache", { keys, handOver })` on each member that offers the service "cache". Throws "not-started",
 * "name-invalid", and a RangeError for `copies`.
 */
export function holdKeys(client: CoordinationClient, service: string, options: HoldOptions): Holding {
  requireName(service, "service");
  const { copies = 1 } = options;
  if (!Number.isInteger(copies) || copies < 1 || copies > COPIES_MAX)
    throw outOfRange(`copies is 1 to ${COPIES_MAX}, not ${copies}.`);
  void client.self; // Throws before the client has started.
  return new RunningHolding(client, service, options);
}

class RunningHolding implements Holding {
  readonly #client: CoordinationClient;
  readonly #service: string;
  readonly #options: HoldOptions;
  readonly #closing = new AbortController();
  /** Those that offered the service when everything was last handed over. */
  #before: readonly Member[];
  #pass: AbortController | undefined;
  #work: Promise<void> = Promise.resolve();
  #timer: NodeJS.Timeout | undefined;
  #againMs = AGAIN_MS;
  #isSettled = true;
  readonly #waiting = new Set<() => void>();

  constructor(client: CoordinationClient, service: string, options: HoldOptions) {
    this.#client = client;
    this.#service = service;
    this.#options = options;
    this.#before = offering(client, service);
    const ending = endOf(client, this.#closing.signal, options.signal, () => this.close());
    watchView(client, ending, () => this.#viewed()).catch(() => {}); // The client has stopped.
  }

  holders(key: string): readonly Member[] {
    return holders(this.#client, this.#service, key, this.#options.copies);
  }

  isMine(key: string): boolean {
    return this.holders(key).some(({ id }) => id === this.#client.id);
  }

  async settled({ signal }: { readonly signal?: AbortSignal } = {}): Promise<void> {
    signal?.throwIfAborted();
    if (isSame(this.#before, offering(this.#client, this.#service)) && this.#isSettled) return;
    await new Promise<void>((resolve, reject) => {
      const done = () => {
        this.#waiting.delete(done);
        signal?.removeEventListener("abort", cancelled);
        resolve();
      };
      const cancelled = () => {
        this.#waiting.delete(done);
        reject(signal?.reason);
      };
      signal?.addEventListener("abort", cancelled, { once: true });
      this.#waiting.add(done);
    });
  }

  async close(): Promise<void> {
    this.#closing.abort();
    this.#pass?.abort(new Error("The keys are held no more."));
    clearTimeout(this.#timer);
    await this.#work;
    this.#tellWaiting();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #viewed(): void {
    if (isSame(this.#before, offering(this.#client, this.#service)) && this.#isSettled) return;
    this.#againMs = AGAIN_MS;
    this.#begin(SETTLE_MS);
  }

  /** What is under way goes by a view that is over. */
  #begin(afterMs: number): void {
    if (this.#closing.signal.aborted) return;
    this.#isSettled = false;
    this.#pass?.abort(new Error("The view has changed."));
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      const pass = new AbortController();
      this.#pass = pass;
      this.#work = this.#work.then(() => this.#run(pass.signal));
    }, afterMs).unref();
  }

  async #run(signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    const now = offering(this.#client, this.#service);
    const isWhole = await this.#handAllOver(now, signal);
    if (signal.aborted) return;
    if (!isWhole) {
      const afterMs = this.#againMs;
      this.#againMs = Math.min(AGAIN_MS_MAX, 2 * afterMs);
      this.#begin(afterMs);
      return;
    }
    this.#before = now;
    this.#isSettled = true;
    this.#tellWaiting();
  }

  #tellWaiting(): void {
    for (const done of [...this.#waiting]) done();
  }

  async #handAllOver(now: readonly Member[], signal: AbortSignal): Promise<boolean> {
    const { keys, copies = 1, drop } = this.#options;
    const handing = new Set<Promise<void>>();
    let isWhole = true;
    let looked = 0;
    for (const key of [...keys()]) {
      if (++looked % SLICE === 0) await new Promise(setImmediate);
      if (signal.aborted) break;
      const { to, isKept } = owedFor(key, { me: this.#client.id, before: this.#before, now, copies });
      const given = Promise.all(to.map((member) => this.#give(key, member, signal))).then((all) => {
        if (!all.every(Boolean)) isWhole = false;
        else if (!isKept && !signal.aborted) drop?.(key);
        handing.delete(given);
      });
      handing.add(given);
      if (handing.size >= HANDING_MAX) await Promise.race(handing);
    }
    await Promise.all(handing);
    return isWhole;
  }

  async #give(key: string, to: Member, signal: AbortSignal): Promise<boolean> {
    try {
      await this.#options.handOver(key, to, signal);
      return true;
    } catch (error) {
      if (!signal.aborted) this.#options.onError?.(error, key, to);
      return false;
    }
  }
}

function offering(client: Pick<CoordinationClient, "self" | "members">, service: string): readonly Member[] {
  const { self } = client;
  const others = client.members({ service });
  return self.services.includes(service) ? [self, ...others] : others;
}

function isSame(before: readonly Member[], now: readonly Member[]): boolean {
  const ids = new Set(before.map(({ id }) => id));
  return ids.size === now.length && now.every(({ id }) => ids.has(id));
}
