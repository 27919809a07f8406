/**
 * A subscription in the program's hands: its messages go to a handler, or to the loop that reads it, in the order in which the
 * machine delivers them; what was acknowledged, or failed, is told to the machine.
 */
import type { LogTag } from "../../topics/index.js";
import { type Handed, HandedMessage } from "./message.js";
import type { SubscriptionFigures, TopicMessage } from "./types.js";

/** Calls of a handler between two looks at the clock. */
const LOOK_EVERY = 16;
/** Milliseconds of handlers in one turn of the event loop. Then the loop runs on, so that the member answers pings. */
const TURN_MS = 10;

/** A message that was handed out, and is not done yet. */
interface Out {
  readonly message: HandedMessage;
  readonly tag: LogTag;
  readonly number: number;
  /** Monotonic milliseconds at which it counts as failed. */
  readonly deadline: number;
  isSettled: boolean;
}

interface Range {
  readonly handed: Handed;
  next: number;
  readonly last: number;
  readonly attempt: number;
}

/** What the machine is told. */
export interface Settling {
  acknowledge(log: LogTag, first: number, last: number): void;
  /** Messages behind `number` up to `last` were not handed out, and come again behind it. */
  fail(log: LogTag, number: number, last: number): void;
}

export interface HandingOutOptions {
  readonly settling: Settling;
  /** Undefined for a loop. */
  readonly handler: ((message: TopicMessage) => Promise<void> | void) | undefined;
  readonly maxInFlight: number;
  /** Milliseconds from handing out to the end of the handler, or to `ack`. */
  readonly timeoutMs: number;
  /** Monotonic milliseconds. */
  readonly now: () => number;
  /** `error` is what a handler threw; undefined when it has not ended in time. */
  readonly onFailed: (message: TopicMessage, error: unknown, isLate: boolean) => void;
}

/** Hands out messages, and keeps count of them. */
export class HandingOut {
  readonly #options: HandingOutOptions;
  #ranges: Range[] = [];
  /** In the order in which they were handed out; those before `#outHead` are settled. */
  #outs: Out[] = [];
  #outHead = 0;
  #inFlight = 0;
  #waiting = 0;
  #delivered = 0;
  #acknowledged = 0;
  #redelivered = 0;
  #isPaused = false;
  #isPumping = false;
  #timer: NodeJS.Timeout | undefined;
  /** Numbers that follow each other are told together, at the end of the turn. */
  #told: { readonly tag: LogTag; readonly first: number; last: number } | undefined;
  /** Of messages that come again, what their handler threw last. */
  readonly #errors = new Map<string, unknown>();
  /** A loop that waits for the next message. */
  #reader: ((message: TopicMessage | undefined) => void) | undefined;
  #onIdle: (() => void)[] = [];

  constructor(options: HandingOutOptions) {
    this.#options = options;
  }

  get figures(): Omit<SubscriptionFigures, "lost" | "deadLettered"> {
    return {
      ...{ delivered: this.#delivered, acknowledged: this.#acknowledged, redelivered: this.#redelivered },
      ...{ inFlight: this.#inFlight, waiting: this.#waiting },
    };
  }

  /** What comes when nothing more is handed out is not acknowledged: it was on its way when that was said. */
  deliver(handed: Handed, first: number, last: number, attempt: number): void {
    if (this.#isPaused) return;
    this.#ranges.push({ handed, next: first, last, attempt });
    this.#waiting += last - first + 1;
    this.#pump();
  }

  /** What the handler of a message threw last. */
  errorOf(tag: LogTag, number: number): unknown {
    return this.#errors.get(keyOf(tag, number));
  }

  forget(tag: LogTag, number: number): void {
    if (this.#errors.size > 0) this.#errors.delete(keyOf(tag, number));
  }

  /** The next message of a loop; undefined at the end. */
  read(): Promise<TopicMessage | undefined> {
    const next = this.#isPaused ? undefined : this.#take();
    if (next !== undefined || this.#isPaused) return Promise.resolve(next?.message);
    return new Promise((resolve) => {
      this.#reader = resolve;
    });
  }

  /** Nothing more is handed out. */
  pause(): void {
    this.#isPaused = true;
    this.#ranges = [];
    this.#waiting = 0;
    this.#reader?.(undefined);
    this.#reader = undefined;
  }

  /** Resolves when nothing that was handed out is under way. */
  settled(): Promise<void> {
    this.#tell();
    if (this.#inFlight === 0) return Promise.resolve();
    return new Promise((resolve) => this.#onIdle.push(resolve));
  }

  close(): void {
    this.pause();
    this.#errors.clear();
    clearTimeout(this.#timer);
  }

  #pump(): void {
    const { handler } = this.#options;
    if (handler === undefined) this.#feed();
    else if (!this.#isPumping) this.#handleAll(handler);
  }

  #handleAll(handler: NonNullable<HandingOutOptions["handler"]>): void {
    this.#isPumping = true;
    const end = this.#options.now() + TURN_MS;
    for (let count = 1; this.#hasNext; count++) {
      this.#handle(handler);
      if (count % LOOK_EVERY !== 0 || this.#options.now() < end) continue;
      setImmediate(() => this.#handleAll(handler)); // Until then those that come wait.
      this.#tell();
      return;
    }
    this.#isPumping = false;
    this.#tell();
  }

  get #hasNext(): boolean {
    return this.#ranges.length > 0 && this.#inFlight < this.#options.maxInFlight;
  }

  /** To a loop that waits. */
  #feed(): void {
    const reader = this.#reader;
    const next = reader && this.#take();
    if (next === undefined) return;
    this.#reader = undefined;
    reader?.(next.message);
  }

  #handle(handler: NonNullable<HandingOutOptions["handler"]>): void {
    const { handed, number, attempt } = this.#next();
    const message = new HandedMessage(handed, number, attempt - 1);
    const { tag } = handed.batch.log;
    try {
      const running = handler(message);
      if (!isPromise(running)) this.#done(tag, number);
      else this.#await(Promise.resolve(running), this.#start(message, tag, number));
    } catch (error) {
      this.#failed(message, tag, number, error, false);
    }
  }

  #await(running: Promise<void>, out: Out): void {
    running.then(
      () => this.#settle(out),
      (error: unknown) => this.#settle(out, { error }),
    );
  }

  /** For a loop. */
  #take(): Out | undefined {
    if (!this.#hasNext) return undefined;
    const { handed, number, attempt } = this.#next();
    const message = new HandedMessage(handed, number, attempt - 1, () => this.#settle(out));
    const out = this.#start(message, handed.batch.log.tag, number);
    return out;
  }

  #next(): { readonly handed: Handed; readonly number: number; readonly attempt: number } {
    const range = this.#ranges[0]!;
    const { handed, attempt } = range;
    const number = range.next++;
    if (range.next > range.last) this.#ranges.shift();
    this.#waiting -= 1;
    this.#delivered += 1;
    if (attempt > 1) this.#redelivered += 1;
    return { handed, number, attempt };
  }

  #start(message: HandedMessage, tag: LogTag, number: number): Out {
    const { now, timeoutMs } = this.#options;
    const out: Out = { message, tag, number, deadline: now() + timeoutMs, isSettled: false };
    this.#outs.push(out);
    this.#inFlight += 1;
    this.#timer ??= setTimeout(() => this.#look(), timeoutMs).unref();
    return out;
  }

  /** Its handler has ended, or the loop has acknowledged it. */
  #settle(out: Out, failure?: { readonly error: unknown }): void {
    // A handler that ends too late still acknowledges its message, unless the message was handed out again.
    if (out.isSettled) {
      if (failure === undefined) this.#options.settling.acknowledge(out.tag, out.number, out.number);
      return;
    }
    this.#over(out);
    if (failure === undefined) this.#done(out.tag, out.number);
    else this.#failed(out.message, out.tag, out.number, failure.error, false);
    this.#idle();
    if (!this.#isPaused) this.#pump();
    this.#tellSoon();
  }

  #over(out: Out): void {
    out.isSettled = true;
    this.#inFlight -= 1;
    while (this.#outs[this.#outHead]?.isSettled) this.#outHead += 1;
    if (this.#outHead <= this.#outs.length / 2) return;
    this.#outs = this.#outs.slice(this.#outHead);
    this.#outHead = 0;
  }

  #idle(): void {
    if (this.#inFlight > 0) return;
    for (const idle of this.#onIdle.splice(0)) idle();
  }

  #done(tag: LogTag, number: number): void {
    const told = this.#told;
    this.#acknowledged += 1;
    this.forget(tag, number);
    if (told !== undefined && told.tag === tag && told.last + 1 === number) {
      told.last = number;
      return;
    }
    this.#tell();
    this.#told = { tag, first: number, last: number };
  }

  #tellSoon(): void {
    if (this.#told !== undefined) process.nextTick(() => this.#tell());
  }

  #tell(): void {
    const told = this.#told;
    if (told === undefined) return;
    this.#told = undefined;
    this.#options.settling.acknowledge(told.tag, told.first, told.last);
  }

  /** One at a time: those of its log that wait come again behind it. Else its order is given up. */
  #failed(message: TopicMessage, tag: LogTag, number: number, error: unknown, isLate: boolean): void {
    const { maxInFlight, settling, onFailed } = this.#options;
    this.#tell();
    let last = number;
    if (maxInFlight === 1) {
      const behind = this.#ranges.filter(({ handed }) => handed.batch.log.tag === tag);
      for (const range of behind) {
        last = Math.max(last, range.last);
        this.#waiting -= range.last - range.next + 1;
      }
      if (behind.length > 0) this.#ranges = this.#ranges.filter((range) => !behind.includes(range));
    }
    this.#errors.set(keyOf(tag, number), error);
    onFailed(message, error, isLate);
    settling.fail(tag, number, last);
  }

  /** What was not done in time has failed. */
  #look(): void {
    const now = this.#options.now();
    this.#timer = undefined;
    for (const out of this.#outs.slice(this.#outHead)) {
      if (out.isSettled || out.deadline > now) continue;
      this.#over(out);
      this.#failed(out.message, out.tag, out.number, undefined, true);
    }
    const next = this.#outs[this.#outHead];
    if (next !== undefined) this.#timer = setTimeout(() => this.#look(), Math.max(1, next.deadline - now)).unref();
    this.#idle();
    if (!this.#isPaused) this.#pump();
  }
}

function keyOf(tag: LogTag, number: number): string {
  return `${tag} ${number}`;
}

function isPromise<T>(value: Promise<T> | T): value is Promise<T> {
  return typeof (value as Partial<Promise<T>> | undefined)?.then === "function";
}
