/**
 * What is read from elsewhere when members hold it no more: for a durable subscription that comes after retention, and for any that
 * misses it while it runs.
 */
import type { FirefliesError } from "../../identity/index.js";
import { asFirefliesError, pause } from "../../net/index.js";
import type { SubscriptionNumber } from "../../topics/index.js";
import type { TopicHistory } from "./types.js";

/** Milliseconds until a batch is tried again for which there was no room: handlers are slower than what is read. */
const ROOM_MS = 50;
/** Milliseconds from the first miss to the reading: what is dropped together is read together. */
const GATHER_MS = 100;
/** Milliseconds between two readings for one subscription: one that is always behind reads what it can take. */
const PAUSE_MS = 1_000;
const EVERYTHING: readonly string[] = [">"];

/** What the machine is asked and told. */
export interface Recovering {
  /** What was missed by now is being read. From where on, unix milliseconds; undefined when that is not known. */
  seek(subscription: SubscriptionNumber): number | undefined;
  /** False: there is no room for it now. */
  give(batch: Uint8Array): boolean;
  /** All was given. */
  recovered(subscription: SubscriptionNumber): void;
  /** What matches these is kept elsewhere. */
  keptElsewhere(patterns: readonly string[]): void;
}

export interface RecoveriesOptions {
  readonly machine: Recovering;
  readonly onAlarm: (alarm: FirefliesError) => void;
}

interface Followed {
  readonly pattern: string;
  /** Unix milliseconds: what was published before it was acknowledged, or is not owed. */
  readonly since: number;
  readonly ending: AbortController;
  isReading: boolean;
  /** It missed something since the reading began. */
  isWanted: boolean;
}

export class Recoveries {
  readonly #options: RecoveriesOptions;
  readonly #histories = new Set<TopicHistory>();
  readonly #followed = new Map<SubscriptionNumber, Followed>();

  constructor(options: RecoveriesOptions) {
    this.#options = options;
  }

  get isEmpty(): boolean {
    return this.#histories.size === 0;
  }

  /** Returns how to end it. */
  use(history: TopicHistory): () => void {
    this.#histories.add(history);
    this.tell();
    return () => {
      this.#histories.delete(history);
      this.tell();
    };
  }

  /** A subscription begins. One that is resumed gets what was kept since then. */
  begin(subscription: SubscriptionNumber, pattern: string, since: number, isResumed: boolean): void {
    const followed: Followed = { pattern, since, ending: new AbortController(), isReading: false, isWanted: false };
    this.#followed.set(subscription, followed);
    if (isResumed) void this.#read(subscription, followed, () => since);
  }

  /** It is owed what members hold no more. */
  missed(subscription: SubscriptionNumber): void {
    const followed = this.#followed.get(subscription);
    if (followed === undefined) return;
    followed.isWanted = true;
    if (followed.isReading) return;
    void this.#read(subscription, followed, async () => {
      await pause(GATHER_MS, followed.ending.signal);
      followed.isWanted = false;
      return this.#options.machine.seek(subscription) ?? followed.since;
    });
  }

  end(subscription: SubscriptionNumber): void {
    this.#followed.get(subscription)?.ending.abort();
    this.#followed.delete(subscription);
  }

  close(): void {
    for (const subscription of [...this.#followed.keys()]) this.end(subscription);
  }

  async #read(
    subscription: SubscriptionNumber,
    followed: Followed,
    from: () => Promise<number> | number,
  ): Promise<void> {
    const { signal } = followed.ending;
    followed.isReading = true;
    await this.#readAll(followed, await from());
    if (!signal.aborted) this.#options.machine.recovered(subscription);
    await pause(PAUSE_MS, signal);
    followed.isReading = false;
    if (!signal.aborted && followed.isWanted) this.missed(subscription);
  }

  /** All sources, one after the other. A source that fails raises an alarm, and its messages count as lost. */
  async #readAll({ pattern, ending: { signal } }: Followed, since: number): Promise<void> {
    const { machine, onAlarm } = this.#options;
    for (const history of this.#histories) {
      try {
        for await (const batch of history.read(pattern, since, signal)) {
          while (!signal.aborted && !machine.give(batch)) await pause(ROOM_MS, signal);
          if (signal.aborted) return;
        }
      } catch (error) {
        if (!signal.aborted) onAlarm(asFirefliesError(error, "messages-lost"));
      }
    }
  }

  /** The machine runs. */
  tell(): void {
    this.#options.machine.keptElsewhere([...this.#histories].flatMap(({ topics = EVERYTHING }) => topics));
  }
}
