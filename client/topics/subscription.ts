/** A subscription as the program holds it: it ends, it is read, and it tells what its messages do not. */
import { FirefliesError, titleOf, wrongType } from "../../identity/index.js";
import type { MemberId } from "../../rings/index.js";
import type { Batch, LogName } from "../../topics/index.js";
import type { HandlerFailures } from "../handler-failures.js";
import type { Sender } from "../types.js";
import { HandingOut, type Settling } from "./handing-out.js";
import { type Handed, HandedMessage } from "./message.js";
import type { CheckedSubscribe } from "./options.js";
import type { Subscription, SubscriptionFigures, TopicEvent, TopicMessage } from "./types.js";

type HandingFigures = HandingOut["figures"];

export interface SubscriptionParts {
  readonly topic: string;
  readonly options: CheckedSubscribe;
  readonly settling: Settling & {
    /** Ends it now; `ended` follows. */
    unsubscribe(): void;
    /** Ends it when what was delivered is settled; `ended` follows. */
    drain(): void;
  };
  readonly sender: (id: MemberId) => Sender;
  readonly prove: (batch: Batch, number: number) => Uint8Array;
  readonly failures: Pick<HandlerFailures, "tell" | "late">;
  readonly onAlarm: (alarm: FirefliesError) => void;
  /** Monotonic milliseconds. */
  readonly now: () => number;
}

export class TopicSubscription implements Subscription {
  readonly topic: string;
  readonly #parts: SubscriptionParts;
  readonly #handing: HandingOut;
  /** The batch whose payload was copied last: a batch may come in several ranges. */
  #handed: Handed | undefined;
  readonly #over: Promise<void>;
  #end: () => void = () => {};
  #isClosed = false;
  #isEnding = false;
  #isRead = false;
  /** A loop that is drained, and may read no more. */
  #unread: NodeJS.Timeout | undefined;
  #lost = 0;
  #deadLettered = 0;
  readonly #burying = new Set<Promise<void>>();

  constructor(parts: SubscriptionParts) {
    const { topic, options, settling, now } = parts;
    this.topic = topic;
    this.#parts = parts;
    this.#over = new Promise((resolve) => {
      this.#end = resolve;
    });
    this.#handing = new HandingOut({
      ...{ settling, now, handler: options.handler },
      ...{ maxInFlight: options.maxInFlight, timeoutMs: options.handlerTimeout },
      onFailed: (message, error, isLate) => this.#failed(message, error, isLate),
    });
  }

  get closed(): boolean {
    return this.#isClosed;
  }

  get figures(): SubscriptionFigures {
    return { ...this.#handing.figures, lost: this.#lost, deadLettered: this.#deadLettered };
  }

  async unsubscribe(): Promise<void> {
    if (this.#isClosed) return;
    this.#isEnding = true;
    this.#handing.pause();
    this.#parts.settling.unsubscribe();
    await this.#over;
  }

  async drain(): Promise<void> {
    if (this.#isClosed) return;
    if (!this.#isEnding) this.#parts.settling.drain();
    this.#isEnding = true;
    if (this.#parts.options.handler === undefined) this.#endUnread(this.#handing.figures);
    await this.#over;
    clearTimeout(this.#unread);
    await Promise.all(this.#burying);
  }

  /**
   * What a loop does not take nobody acknowledges. It is given up in the next turn when nothing reads by then, else when a loop
   * has taken nothing for as long as a handler may take.
   */
  #endUnread(before: HandingFigures): void {
    const { options, settling } = this.#parts;
    if (this.#isClosed) return;
    const wasRead = this.#isRead;
    const look = () => {
      const { figures } = this.#handing;
      const isTaken = figures.inFlight > 0 || figures.delivered > before.delivered;
      if (isTaken || this.#isRead !== wasRead) this.#endUnread(figures);
      else settling.unsubscribe();
    };
    this.#unread = setTimeout(look, wasRead ? options.handlerTimeout : 0).unref();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.drain();
  }

  [Symbol.asyncIterator](): AsyncIterator<TopicMessage, undefined> {
    const { handler } = this.#parts.options;
    if (handler !== undefined) throw wrongType("A subscription with a handler is not read by a loop.");
    if (this.#isRead) throw wrongType("A subscription is read by one loop.");
    this.#isRead = true;
    return {
      next: async () => {
        const value = await this.#handing.read();
        return value === undefined ? { done: true, value } : { done: false, value };
      },
      return: async () => {
        await this.unsubscribe();
        return { done: true, value: undefined };
      },
    };
  }

  // --- Of the member ---

  deliver(batch: Batch, first: number, last: number, attempt: number): void {
    this.#handing.deliver(this.#handedOf(batch), first, last, attempt);
  }

  lost({ publisher, topic }: LogName, count: number): void {
    this.#lost += count;
    this.tell({ kind: "lost", topic, from: this.#parts.sender(publisher), count });
  }

  /** The last attempt at a message has failed. */
  dead(batch: Batch, number: number, attempts: number): void {
    const { tag } = batch.log;
    const error = this.#handing.errorOf(tag, number);
    this.#handing.forget(tag, number);
    this.#deadLettered += 1;
    const message = new HandedMessage(this.#handedOf(batch), number, attempts);
    const burying = this.#bury(message, error).finally(() => this.#burying.delete(burying));
    this.#burying.add(burying);
  }

  tell(event: TopicEvent): void {
    const { options, onAlarm, failures } = this.#parts;
    try {
      if (options.onEvent === undefined) onAlarm(alarmOf(event));
      else options.onEvent(event);
    } catch (error) {
      failures.tell("topic", error, event.from);
    }
  }

  /** Nothing more comes. */
  ended(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#handing.close();
    this.#end();
  }

  /** The member stops: nothing more is handed out. Resolves when what was handed out is done. */
  async rest(): Promise<void> {
    this.#handing.pause();
    await Promise.all([this.#handing.settled(), ...this.#burying]);
  }

  /** Handed out and not done. */
  get inFlight(): number {
    return this.#handing.figures.inFlight + this.#burying.size;
  }

  #handedOf(batch: Batch): Handed {
    if (this.#handed?.batch === batch) return this.#handed;
    const { sender, prove } = this.#parts;
    const from = () => sender(batch.log.publisher);
    this.#handed = { batch, payload: new Uint8Array(batch.payload), from, prove };
    return this.#handed;
  }

  #failed(message: TopicMessage, error: unknown, isLate: boolean): void {
    const { failures } = this.#parts;
    if (isLate) failures.late("topic", message.from);
    else failures.tell("topic", error, message.from);
  }

  async #bury(message: TopicMessage, error: unknown): Promise<void> {
    const { options, failures, onAlarm } = this.#parts;
    try {
      if (options.deadLetter === undefined) onAlarm(dropped(message));
      else await options.deadLetter(message, error);
    } catch (thrown) {
      failures.tell("topic", thrown, message.from);
    }
  }
}

/** For a subscription that hears no events. */
function alarmOf(event: TopicEvent): FirefliesError {
  const from = titleOf(event.from);
  if (event.kind === "lost") {
    const what = event.count === 1 ? "1 message" : `${event.count} messages`;
    return new FirefliesError("messages-lost", `${what} of ${from} on ${event.topic} were not acknowledged in time.`);
  }
  return new FirefliesError("topic-forked", `${from} has signed two messages ${event.sequence} on ${event.topic}.`);
}

function dropped({ topic, sequence, from, redelivered }: TopicMessage): FirefliesError {
  const text = `Message ${sequence} of ${titleOf(from)} on ${topic} failed ${redelivered} times, and was dropped.`;
  return new FirefliesError("handler-failed", text, { advice: "Give subscribe() a deadLetter handler." });
}
