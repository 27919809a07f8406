/** All connections of one transport, over one connection to NATS: an inbox of its own, with one subject for each. */

import { randomBytes } from "node:crypto";
import type { Msg, NatsConnection, Subscription } from "@nats-io/transport-node";
import { flushed } from "../connection/flush.js";
import { decodeFrame, encodeFrame, type Frame } from "./frames.js";
import { NatsDuplex } from "./nats-duplex.js";

/** Bytes of a subject that nobody guesses. */
const SUBJECT_BYTES = 16;
/** Connections at once, of both directions: each holds up to 1 MiB. */
const CONNECTIONS_MAX = 512;
/** Connections that ended in order, remembered for the other end's last question. */
const ENDED_MAX = 512;
const TICK_MS = 1_000;
const NO_RESPONDERS = 503;
/** Between two tries of a dial: the first may have been lost. */
const HELLO_MS = 2_000;

export type Arrival = (connection: NatsDuplex) => void;

/** One who dials waits for the other's subject. */
interface Dialling {
  readonly welcomed: (subject: string) => void;
  readonly absent: () => void;
}

export class NatsHub {
  readonly #nats: NatsConnection;
  readonly #inbox: string;
  readonly #prefix: string;
  readonly #subscription: Subscription;
  readonly #open = new Map<string, NatsDuplex>();
  readonly #dialling = new Map<string, Dialling>();
  /** By the subject of who dialled: its hello may come twice. */
  readonly #taken = new Map<string, string>();
  readonly #ended = new Map<string, number>();
  #counter = 0;
  #timer: NodeJS.Timeout | undefined;
  readonly #onIdle: () => void;

  constructor(nats: NatsConnection, prefix: string, onIdle: () => void) {
    this.#nats = nats;
    this.#prefix = prefix;
    this.#onIdle = onIdle;
    this.#inbox = `${prefix}.to.${randomBytes(SUBJECT_BYTES).toString("hex")}`;
    this.#subscription = nats.subscribe(`${this.#inbox}.*`, {
      callback: (error, message) => void (error ?? this.#take(message)),
    });
    void this.#watch();
  }

  /** Resolves when the connection to NATS is over for good; one that is lost comes back by itself. */
  get closed(): Promise<unknown> {
    return this.#nats.closed();
  }

  get size(): number {
    return this.#open.size + this.#dialling.size;
  }

  close(): void {
    clearInterval(this.#timer);
    if (!this.#nats.isClosed()) this.#subscription.unsubscribe();
  }

  /** Takes who dials this token, until what it returns is called. */
  listen(token: string, arrived: Arrival): () => void {
    const callback = (error: Error | null, message: Msg) => void (error ?? this.#hello(message, arrived));
    const subscription = this.#nats.subscribe(`${this.#prefix}.at.${token}`, { callback });
    return () => {
      if (!this.#nats.isClosed()) subscription.unsubscribe();
    };
  }

  /** Resolves when the server has heard all that was subscribed. */
  flush(): Promise<void> {
    return flushed(this.#nats);
  }

  /** Undefined when NATS says that nobody listens there. Rejects when the signal fires. */
  dial(token: string, signal: AbortSignal): Promise<NatsDuplex | undefined> {
    const id = this.#next();
    const hello = () => {
      if (!this.#nats.isClosed())
        this.#nats.publish(`${this.#prefix}.at.${token}`, encodeFrame({ kind: "hello" }), { reply: this.#subject(id) });
    };
    return new Promise((done, reject) => {
      const again = setInterval(hello, HELLO_MS);
      const over = (settle: () => void) => {
        clearInterval(again);
        signal.removeEventListener("abort", given);
        this.#dialling.delete(id);
        settle();
      };
      const given = () => over(() => reject(signal.reason));
      signal.addEventListener("abort", given);
      this.#dialling.set(id, {
        welcomed: (subject) => over(() => done(this.#connection(id, subject))),
        absent: () => over(() => done(undefined)),
      });
      hello();
    });
  }

  #hello(message: Msg, arrived: Arrival): void {
    const { reply } = message;
    if (reply === undefined || reply === "" || decodeFrame(message.data)?.kind !== "hello") return;
    const known = this.#taken.get(reply);
    if (known === undefined && this.size >= CONNECTIONS_MAX) return;
    const id = known ?? this.#next();
    // First the welcome, so that nothing overtakes it.
    this.#nats.publish(reply, encodeFrame({ kind: "welcome" }), { reply: this.#subject(id) });
    if (known !== undefined) return;
    this.#taken.set(reply, id);
    const connection = this.#connection(id, reply);
    connection.once("close", () => this.#taken.delete(reply));
    arrived(connection);
  }

  #connection(id: string, to: string): NatsDuplex {
    const connection = new NatsDuplex({
      send: (payload, answer) => {
        if (this.#nats.isClosed()) return;
        this.#nats.publish(to, payload, answer ? { reply: this.#subject(id) } : undefined);
      },
      now: () => performance.now(),
      onClose: (received) => this.#closed(id, received),
    });
    this.#open.set(id, connection);
    this.#timer ??= setInterval(() => this.#tick(), TICK_MS);
    return connection;
  }

  #closed(id: string, received: number | undefined): void {
    this.#open.delete(id);
    if (received !== undefined) {
      this.#ended.set(id, received);
      if (this.#ended.size > ENDED_MAX) this.#ended.delete(this.#ended.keys().next().value as string);
    }
    if (this.#open.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#onIdle();
  }

  #tick(): void {
    for (const connection of [...this.#open.values()]) connection.tick();
  }

  #take(message: Msg): void {
    const id = message.subject.slice(this.#inbox.length + 1);
    const connection = this.#open.get(id);
    if (message.headers?.code === NO_RESPONDERS) {
      this.#dialling.get(id)?.absent();
      connection?.absent();
      return;
    }
    const frame = decodeFrame(message.data);
    if (frame === undefined) return;
    if (connection !== undefined) connection.hear(frame);
    else if (frame.kind === "welcome") this.#welcome(id, message.reply);
    else this.#late(id, frame, message.reply);
  }

  #welcome(id: string, subject: string | undefined): void {
    if (subject === undefined || subject === "") return;
    const dialling = this.#dialling.get(id);
    if (dialling !== undefined) dialling.welcomed(subject);
    else if (!this.#ended.has(id)) this.#nats.publish(subject, encodeFrame({ kind: "cut" })); // Given up meanwhile.
  }

  /** For a connection that is over: it ended in order, and the other end has not heard; or it is cut there as well. */
  #late(id: string, frame: Frame, reply: string | undefined): void {
    if (frame.kind !== "ask" || reply === undefined || reply === "") return;
    const received = this.#ended.get(id);
    const answer: Frame = received === undefined ? { kind: "cut" } : { kind: "credit", received, limit: received };
    this.#nats.publish(reply, encodeFrame(answer));
  }

  async #watch(): Promise<void> {
    for await (const { type } of this.#nats.status())
      if (type === "reconnect") for (const connection of [...this.#open.values()]) connection.resumed();
  }

  #next(): string {
    this.#counter += 1;
    return `${this.#counter}-${randomBytes(SUBJECT_BYTES / 2).toString("hex")}`;
  }

  #subject(id: string): string {
    return `${this.#inbox}.${id}`;
  }
}
