/** A subscription in a thread: messages go to its handler, or wait in order until a loop takes and acknowledges them. */
import type {
  DeadLetterHandler,
  SubscribeOptions,
  Subscription,
  TopicEvent,
  TopicMessage,
} from "../../client/topics/types.js";
import { FirefliesError } from "../../identity/index.js";
import type { CrossingMessage } from "./asked.js";

/** As `Subscription`, without figures: those are the client's. */
export type ThreadSubscription = Omit<Subscription, "figures">;

/** Messages that are handed out to a loop at once, unless it says. */
const LOOP_IN_FLIGHT = 256;

interface Waiting {
  readonly message: TopicMessage;
  readonly settle: () => void;
}

export class RemoteSubscription implements ThreadSubscription {
  readonly topic: string;
  readonly #options: SubscribeOptions;
  readonly #end: (isDrained: boolean) => Promise<void>;
  readonly #waiting: Waiting[] = [];
  #isClosed = false;
  #wake: (() => void) | undefined;

  constructor(topic: string, options: SubscribeOptions, end: (isDrained: boolean) => Promise<void>) {
    this.topic = topic;
    this.#options = options;
    this.#end = end;
  }

  /** What the client is asked for: functions stay here. */
  get asked(): Omit<SubscribeOptions, "handler" | "deadLetter" | "onEvent" | "signal"> {
    const { handler, deadLetter: _, onEvent: __, signal: ___, ...plain } = this.#options;
    return { ...(handler === undefined && { maxInFlight: LOOP_IN_FLIGHT }), ...plain };
  }

  get closed(): boolean {
    return this.#isClosed;
  }

  /** Resolves when the message is done with. */
  async take(crossing: CrossingMessage, signal: AbortSignal): Promise<void> {
    const { handler } = this.#options;
    if (handler) return await handler(messageOf(crossing, () => {}));
    await new Promise<void>((resolve) => {
      const waiting: Waiting = { message: messageOf(crossing, resolve), settle: resolve };
      this.#waiting.push(waiting);
      // It is handed out again later, or is nobody's any more.
      const gone = () => {
        const at = this.#waiting.indexOf(waiting);
        if (at >= 0) this.#waiting.splice(at, 1);
        resolve();
      };
      signal.addEventListener("abort", gone, { once: true });
      this.#wake?.();
    });
  }

  async dead(crossing: CrossingMessage, reason: string): Promise<void> {
    const handler: DeadLetterHandler | undefined = this.#options.deadLetter;
    await handler?.(
      messageOf(crossing, () => {}),
      new Error(reason),
    );
  }

  told(event: TopicEvent): void {
    this.#options.onEvent?.(event);
  }

  async unsubscribe(): Promise<void> {
    this.closeHere();
    await this.#end(false);
  }

  async drain(): Promise<void> {
    await this.#end(true);
    this.closeHere();
  }

  closeHere(): void {
    this.#isClosed = true;
    this.#wake?.();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.unsubscribe();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<TopicMessage, undefined> {
    try {
      for (;;) {
        const next = this.#waiting.shift();
        if (next) yield next.message;
        else if (this.#isClosed) return;
        else
          await new Promise<void>((resolve) => {
            this.#wake = resolve;
          });
      }
    } finally {
      if (!this.#isClosed) await this.unsubscribe();
    }
  }
}

function messageOf(crossing: CrossingMessage, ack: () => void): TopicMessage {
  return {
    ...crossing,
    ack,
    proof: () => {
      throw new FirefliesError("proof-unavailable", "Proofs do not cross to other threads.", {
        advice: "Subscribe in the thread of the client to keep proofs.",
      });
    },
  };
}
