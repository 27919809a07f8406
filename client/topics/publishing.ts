/** Calls of `publish` that wait until their message is as safe as they asked for: in the order of each log, with one clock for all. */
import { FirefliesError, titleOf } from "../../identity/index.js";
import type { MemberId } from "../../rings/index.js";
import type { LogName, LogTag } from "../../topics/index.js";
import type { AckLevel, Published } from "./types.js";

/** Members that are named when a message was not acknowledged by all. */
const SHOWN_MAX = 5;

export interface Waiting {
  readonly number: number;
  /** Monotonic milliseconds. */
  readonly deadline: number;
  readonly resolve: (published: Published) => void;
  readonly reject: (error: Error) => void;
}

interface Queue {
  readonly log: LogName;
  readonly level: AckLevel;
  /** In the order of their numbers; those before `head` are settled. */
  waiting: (Waiting | undefined)[];
  head: number;
}

export interface PublishingOptions {
  /** Whom `all` still waits for. */
  readonly missing: (log: LogTag, number: number) => readonly MemberId[];
  readonly nameOf: (id: MemberId) => string | undefined;
  /** Monotonic milliseconds. */
  readonly now: () => number;
}

export class Publishing {
  readonly #options: PublishingOptions;
  readonly #queues: Readonly<Record<AckLevel, Map<LogTag, Queue>>> = {
    none: new Map(),
    some: new Map(),
    all: new Map(),
  };
  #timer: NodeJS.Timeout | undefined;
  #timerAt = Number.POSITIVE_INFINITY;
  #size = 0;
  #onEmpty: (() => void)[] = [];

  constructor(options: PublishingOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#size;
  }

  /** Waits for this message. Returns how to give up. */
  add(log: LogName, level: AckLevel, waiting: Waiting): (error: Error) => void {
    const queue = this.#queueOf(log, level);
    queue.waiting.push(waiting);
    this.#size += 1;
    this.#watch(waiting.deadline);
    return (error) => this.#giveUp(queue, waiting, error);
  }

  /** All of a log up to this message is as safe as the level says. */
  reached(log: LogName, level: AckLevel, through: number): void {
    const queue = this.#queues[level].get(log.tag);
    if (queue === undefined) return;
    const { waiting } = queue;
    while (queue.head < waiting.length) {
      const next = waiting[queue.head];
      if (next !== undefined && next.number > through) break;
      queue.head += 1;
      if (next === undefined) continue;
      this.#size -= 1;
      next.resolve({ topic: log.topic, sequence: next.number });
    }
    this.#shorten(queue);
  }

  /** Those that wait for one of these messages are told why it is not as safe as they asked for. */
  refuse({ tag }: LogName, first: number, last: number, error: Error): void {
    for (const queues of Object.values(this.#queues)) {
      const queue = queues.get(tag);
      for (const waiting of queue?.waiting.slice(queue.head) ?? []) {
        if (waiting && waiting.number >= first && waiting.number <= last) this.#giveUp(queue!, waiting, error);
      }
    }
  }

  /** Resolves when nobody waits any more. */
  settled(): Promise<void> {
    if (this.#size === 0) return Promise.resolve();
    return new Promise((resolve) => this.#onEmpty.push(resolve));
  }

  /** How many were cut. */
  cut(error: Error): number {
    const size = this.#size;
    for (const queue of this.#all()) {
      for (const waiting of queue.waiting.slice(queue.head)) if (waiting) this.#giveUp(queue, waiting, error);
    }
    clearTimeout(this.#timer);
    return size;
  }

  #queueOf(log: LogName, level: AckLevel): Queue {
    const queues = this.#queues[level];
    const known = queues.get(log.tag);
    if (known !== undefined) return known;
    const queue: Queue = { log, level, waiting: [], head: 0 };
    queues.set(log.tag, queue);
    return queue;
  }

  #all(): Queue[] {
    return Object.values(this.#queues).flatMap((queues) => [...queues.values()]);
  }

  #giveUp(queue: Queue, waiting: Waiting, error: Error): void {
    const at = queue.waiting.indexOf(waiting, queue.head);
    if (at === -1) return;
    queue.waiting[at] = undefined;
    this.#size -= 1;
    waiting.reject(error);
    this.#shorten(queue);
  }

  /** What is settled is let go of, at a cost in proportion to it. */
  #shorten(queue: Queue): void {
    const { waiting } = queue;
    while (queue.head < waiting.length && waiting[queue.head] === undefined) queue.head += 1;
    if (queue.head === waiting.length) this.#queues[queue.level].delete(queue.log.tag);
    else if (queue.head > waiting.length / 2) {
      queue.waiting = waiting.slice(queue.head);
      queue.head = 0;
    }
    if (this.#size > 0) return;
    for (const empty of this.#onEmpty.splice(0)) empty();
  }

  #watch(deadline: number): void {
    if (deadline >= this.#timerAt) return;
    clearTimeout(this.#timer);
    this.#timerAt = deadline;
    this.#timer = setTimeout(() => this.#look(), Math.max(0, deadline - this.#options.now())).unref();
  }

  /** Rejects those whose time is over. */
  #look(): void {
    const now = this.#options.now();
    this.#timerAt = Number.POSITIVE_INFINITY;
    let next = Number.POSITIVE_INFINITY;
    for (const queue of this.#all()) {
      for (const waiting of queue.waiting.slice(queue.head)) {
        if (waiting === undefined) continue;
        if (waiting.deadline > now) next = Math.min(next, waiting.deadline);
        else this.#giveUp(queue, waiting, this.#late(queue, waiting.number));
      }
    }
    if (next < Number.POSITIVE_INFINITY) this.#watch(next);
  }

  #late({ log, level }: Queue, number: number): FirefliesError {
    const { missing, nameOf } = this.#options;
    const ids = level === "all" ? missing(log.tag, number) : [];
    return new UnacknowledgedError(log.topic, number, level, ids, nameOf);
  }
}

/** See `Unacknowledged` in types.ts. */
class UnacknowledgedError extends FirefliesError {
  readonly missing: readonly MemberId[];

  constructor(
    topic: string,
    number: number,
    level: AckLevel,
    missing: readonly MemberId[],
    nameOf: PublishingOptions["nameOf"],
  ) {
    const titles = missing.slice(0, SHOWN_MAX).map((id) => titleOf({ id, name: nameOf(id) }));
    const more = missing.length > SHOWN_MAX ? ` and ${missing.length - SHOWN_MAX} more` : "";
    const who = missing.length === 0 ? "" : ` Missing: ${titles.join(", ")}${more}.`;
    super("unacknowledged", `Message ${number} on ${topic} was not acknowledged ("${level}") in time.${who}`);
    this.missing = missing;
  }
}
