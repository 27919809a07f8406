/**
 * The end of a client that is shared with a thread or a process: it does what that one asks for, and holds a bounded part of what goes
 * there. Changes and messages of topics are asked for, one batch after the other, so a thread that does not read is given no more;
 * messages of members beyond a number are refused.
 */
import type { Client } from "../../client/client.js";
import { HANDLER_TIMEOUT_MS } from "../../client/topics/options.js";
import type { Subscription, TopicMessage } from "../../client/topics/types.js";
import type { Change, Member } from "../../client/types.js";
import { FirefliesError, ReplyError, wrongType } from "../../identity/index.js";
import type { AskedOfThread, Batch, ClientAnswers, CrossingMessage, State } from "./asked.js";
import { type CallOptions, Calls } from "./calls.js";
import { type Line, lineOver, type Message, type SharingPort } from "./line.js";
import { type Hello, plainError, type Said, tight } from "./wire.js";

/** Changes in one batch; those that come meanwhile wait in the client, which keeps the last 4,096. */
const BATCH_MAX = 256;
/** Messages of members that one thread handles at once: one that stands still leaves others some of the client's fifty places. */
export const HANDLING_MAX = 32;
/** Names and topics of one thread, together. */
const NAMES_MAX = 1_024;
/** Between two questions whether the thread runs, milliseconds. */
const ALIVE_MS = 5_000;
/** A thread that does not answer for so long is given up, milliseconds. */
const SILENCE_MS_DEFAULT = 30_000;

export interface ShareOptions {
  /** Milliseconds without an answer after which the thread is given up, as one that computes without end: 30,000 by default. */
  readonly silenceMs?: number | undefined;
  /** Told when it has ended, and why; undefined: by `close`, or because the client has stopped. */
  readonly onEnd?: ((why: Error | undefined) => void) | undefined;
}

/** A client that is shared with one thread. */
export interface SharedClient extends Disposable {
  /** Takes its services and subscriptions away; its calls end with "link-closed". The client goes on. */
  close(): void;
  /** Has it ended? */
  readonly closed: boolean;
}

/**
 * `shareClient(client, worker)`: the other end is `await clientOver(parentPort)` there. `port` is a MessagePort, a Worker, a child
 * process or a worker of `cluster`, the latter two with `serialization: "advanced"`. Any number of threads share one client. Throws a
 * TypeError for what is no port, and "not-started".
 */
export function shareClient(client: Client, port: SharingPort, options: ShareOptions = {}): SharedClient {
  void client.self; // Throws before the client has started.
  return new Share(client, port, options);
}

class Share implements SharedClient {
  readonly #client: Client;
  readonly #options: ShareOptions;
  readonly #line: Line;
  readonly #calls: Calls;
  readonly #closing = new AbortController();
  readonly #services = new Map<string, AbortController>();
  readonly #subscriptions = new Map<number, Promise<Subscription>>();
  readonly #timer: NodeJS.Timeout;
  #isGreeted = false;
  #kept: Change[] = [];
  #wake: (() => void) | undefined;
  #room: (() => void) | undefined;
  #handling = 0;
  #aliveAt = performance.now();
  #isAsking = false;
  readonly #onStopping = () => this.#line.post({ kind: "stopping" });

  constructor(client: Client, port: SharingPort, options: ShareOptions) {
    this.#client = client;
    this.#options = options;
    this.#line = lineOver(
      port,
      (message) => this.#take(message),
      () => this.#end(gone()),
    );
    const answers = this.#answers;
    this.#calls = new Calls(this.#line, (name, argument, signal) => {
      if (!Object.hasOwn(answers, name)) throw new TypeError(`A shared client is not asked for ${name}.`);
      return answers[name as keyof ClientAnswers](argument, signal);
    });
    this.#timer = setInterval(() => void this.#askAlive(), Math.min(ALIVE_MS, this.#silenceMs / 2)).unref();
    client.stopping.addEventListener("abort", this.#onStopping, { once: true });
  }

  get closed(): boolean {
    return this.#closing.signal.aborted;
  }

  close(): void {
    this.#line.post({ kind: "bye" });
    this.#end(undefined);
  }

  [Symbol.dispose](): void {
    this.close();
  }

  get #silenceMs(): number {
    return this.#options.silenceMs ?? SILENCE_MS_DEFAULT;
  }

  #take(message: Message): void {
    this.#aliveAt = performance.now();
    const said = message as Said;
    if (said.kind === "hello") this.#greet(said);
    else if (said.kind === "bye") this.#end(gone());
    else if (said.kind === "call" || said.kind === "answer" || said.kind === "cancel") this.#calls.take(said);
  }

  #greet({ probe }: Hello): void {
    if (!(probe instanceof Uint8Array)) {
      const error = wrongType(
        'Bytes do not come through this channel: begin the process with serialization "advanced".',
      );
      this.#line.post({ kind: "refusal", error: plainError(error) } as Message);
      this.#end(error);
      return;
    }
    if (this.#isGreeted) return; // It was impatient.
    this.#isGreeted = true;
    const { id, self, stopping } = this.#client;
    const { isolated } = this.#client.info();
    const state: State = { id, self, members: this.#client.members(), isolated, isStopping: stopping.aborted };
    this.#line.post({ kind: "welcome", state } as Message);
    void this.#read(state.members.length + (isolated ? 1 : 0));
  }

  /** Whose event loop stands still does not answer, and takes nothing. */
  async #askAlive(): Promise<void> {
    if (performance.now() - this.#aliveAt > this.#silenceMs) {
      this.#line.post({ kind: "bye" });
      this.#end(new FirefliesError("timeout", "The thread that the client is shared with does not answer."));
      return;
    }
    if (this.#isAsking) return;
    this.#isAsking = true;
    await this.#ask("alive", undefined, { isOwn: true }).catch(() => {});
    this.#isAsking = false;
  }

  #end(why: Error | undefined): void {
    if (this.closed) return;
    this.#closing.abort();
    clearInterval(this.#timer);
    this.#client.stopping.removeEventListener("abort", this.#onStopping);
    this.#line.close();
    this.#calls.end(gone());
    this.#wake?.();
    for (const service of this.#services.values()) service.abort();
    for (const subscription of this.#subscriptions.values()) subscription.then((s) => s.unsubscribe()).catch(() => {});
    this.#options.onEnd?.(why);
  }

  async #ask<Name extends keyof AskedOfThread>(
    name: Name,
    argument: Parameters<AskedOfThread[Name]>[0],
    options: CallOptions = {},
  ): Promise<ReturnType<AskedOfThread[Name]>> {
    return (await this.#calls.call(name, argument, options)) as ReturnType<AskedOfThread[Name]>;
  }

  readonly #answers: ClientAnswers = {
    changes: () => this.#nextBatch(),
    send: async ({ id, data, service, timeout }, signal) =>
      tight(await this.#client.sendToId(id, data, { service, signal, ...(timeout !== undefined && { timeout }) })),
    sendToAny: async ({ service, data, key, timeout }, signal) =>
      tight(await this.#client.sendToAny(service, data, { key, signal, ...(timeout !== undefined && { timeout }) })),
    serve: ({ service, announce, messagesPerPeer }) => {
      this.#requireRoom();
      const offering = new AbortController();
      const { signal } = offering;
      const handler = (data: Uint8Array, context: Parameters<Parameters<Client["serve"]>[1]>[1]) =>
        this.#hand(service, data, context);
      this.#client.serve(service, handler, { signal, announce, messagesPerPeer });
      this.#services.set(service, offering);
      return this.#client.self;
    },
    unserve: ({ service }) => {
      this.#services.get(service)?.abort();
      this.#services.delete(service);
      return this.#client.self;
    },
    publish: ({ topic, data, options }, signal) => this.#client.publish(topic, data, { ...options, signal }),
    subscribe: async ({ subscription, topic, options, hasDeadLetter, hasOnEvent }) => {
      this.#requireRoom();
      const { signal } = this.#closing;
      // The client hands out again what takes longer: what was asked before is nobody's any more.
      const timeoutMs = options.handlerTimeout ?? HANDLER_TIMEOUT_MS;
      const asking = ({ data }: TopicMessage) => ({ bytes: data.length, timeoutMs });
      const begun = this.#client.subscribe(topic, {
        ...options,
        signal,
        handler: (message) => this.#ask("message", { subscription, message: crossing(message) }, asking(message)),
        ...(hasDeadLetter && {
          deadLetter: (message: TopicMessage, error: unknown) => {
            const reason = plainError(error).message;
            return this.#ask("deadLetter", { subscription, message: crossing(message), reason }, asking(message));
          },
        }),
        ...(hasOnEvent && {
          onEvent: (event) => void this.#ask("event", { subscription, event }, { timeoutMs }).catch(() => {}),
        }),
      });
      this.#subscriptions.set(subscription, begun);
      begun.catch(() => this.#subscriptions.delete(subscription));
      await begun;
    },
    unsubscribe: async ({ subscription, isDrained }) => {
      const begun = await this.#subscriptions.get(subscription);
      await (isDrained ? begun?.drain() : begun?.unsubscribe());
      this.#subscriptions.delete(subscription);
    },
    setMetadata: async ({ metadata }) => {
      await this.#client.setMetadata(metadata);
      return this.#client.self;
    },
  };

  #requireRoom(): void {
    if (this.#services.size + this.#subscriptions.size < NAMES_MAX) return;
    throw new FirefliesError("overloaded", `A thread has at most ${NAMES_MAX} services and subscriptions.`);
  }

  async #hand(
    service: string,
    data: Uint8Array,
    { from, signal }: Parameters<Parameters<Client["serve"]>[1]>[1],
  ): Promise<Uint8Array | undefined> {
    if (this.#handling >= HANDLING_MAX)
      throw new ReplyError("The thread that answers has too many messages waiting.", { code: "overloaded" });
    this.#handling += 1;
    try {
      return await this.#ask("handle", { service, data: tight(data), from }, { signal, bytes: data.length });
    } catch (error) {
      if (!this.closed) throw error;
      throw new ReplyError("The thread that answers has ended.", { code: "member-stopping" });
    } finally {
      this.#handling -= 1;
    }
  }

  /** What has changed since the last one, when something has. Undefined: the client has stopped. */
  async #nextBatch(): Promise<Batch | undefined> {
    if (this.#kept.length === 0) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    const changes = this.#kept;
    this.#kept = [];
    this.#room?.();
    if (changes.length === 0) return undefined;
    const hasGap = changes.some(({ kind }) => kind === "dropped");
    const { self } = this.#client;
    return { changes, self, ...(hasGap && { members: this.#client.members() as readonly Member[] }) };
  }

  /**
   * Reads no further than one batch: what comes then waits in the client, which drops the oldest of too many and says so. The first
   * ones, which say who is there, were told already.
   */
  async #read(told: number): Promise<void> {
    let skipped = 0;
    for await (const change of this.#client.changes({ signal: this.#closing.signal })) {
      if (skipped++ < told && change.kind !== "dropped") continue;
      this.#kept.push(change);
      this.#wake?.();
      if (this.#kept.length < BATCH_MAX) continue;
      await new Promise<void>((resolve) => {
        this.#room = resolve;
      });
    }
    if (this.closed) return;
    this.#line.post({ kind: "bye" }); // The client has stopped.
    this.#end(undefined);
  }
}

function gone(): FirefliesError {
  return new FirefliesError("link-closed", "The thread that the client is shared with has ended.");
}

function crossing({ topic, data, from, sequence, at, redelivered }: TopicMessage): CrossingMessage {
  return { topic, data: tight(data), from, sequence, at, redelivered };
}
