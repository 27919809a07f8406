/** The side of NATS of one bridge, for as long as one connection lives: what is sent, what is read, and what is asked. */
import { randomUUID } from "node:crypto";
import type { Consumer, ConsumerMessages, JsMsg } from "@nats-io/jetstream";
import type { Msg, MsgHdrs, NatsConnection } from "@nats-io/transport-node";
import { FirefliesError } from "../../../identity/index.js";
import { natsError } from "../connection/connect.js";
import { flushed } from "../connection/flush.js";
import { loadNats, type NatsPackage } from "../connection/load.js";
import type { Leaving } from "./exporter.js";
import type { Arriving } from "./importer.js";
import { type Headers, MESSAGE_ID, NO_HEADERS } from "./marks.js";
import type { Retries } from "./retries.js";
import type { BridgePlan } from "./settings.js";
import { printOf, type Seen } from "./standby.js";
import { consumerName, JetStream } from "./streams.js";
import { subjectOf } from "./subjects.js";

/** All bridges of a network share what comes from NATS core. */
const QUEUE = "fireflies-bridge";
/** Bytes that a consumer has asked for and not handed out. Messages are bounded by those that are not acknowledged. */
const AHEAD = { max_bytes: 8 * 1024 * 1024 };
/** Milliseconds until a stream hands out again what was too much. */
const OVERFLOW_MS = 5_000;
/** Messages that are asked for at once of what a stream has kept, and milliseconds to wait for them. */
const REPLAYED_AT_ONCE = 256;
const REPLAY_MS = 2_000;
/** Milliseconds for JetStream to answer a publish. */
const ACK_MS = 5_000;

/** Where a consumer was deleted, the new one begins so long before what was acknowledged last, milliseconds: others had older ones in hand. */
const AGAIN_MARGIN_MS = 10 * 60_000;
const DELETED: readonly string[] = ["consumer_deleted", "consumer_not_found"];

export interface NatsSideOptions {
  readonly plan: BridgePlan;
  /** When that came to the stream which was acknowledged last, of each durable consumer, unix milliseconds: outlives connections. */
  readonly places: Map<string, number>;
  /** The stream or a consumer was deleted: another connection makes it anew. */
  readonly onGone: (error: FirefliesError) => void;
}

export class NatsSide {
  readonly nats: NatsConnection;
  readonly #nats: NatsPackage;
  readonly #plan: BridgePlan;
  readonly #stream: JetStream | undefined;
  readonly #options: NatsSideOptions;
  readonly #reading: ConsumerMessages[] = [];
  /** Ends ids that nobody else can have taken. */
  readonly #own = randomUUID();
  #flushed: Promise<void> | undefined;
  #isGone = false;

  private constructor(
    nats: NatsConnection,
    options: NatsSideOptions,
    stream: JetStream | undefined,
    loaded: NatsPackage,
  ) {
    this.nats = nats;
    this.#nats = loaded;
    this.#plan = options.plan;
    this.#options = options;
    this.#stream = stream;
  }

  /** Empty ones, or a status. */
  headers(code?: number, description?: string): MsgHdrs {
    return this.#nats.headers(code, description);
  }

  /** Rejects with "nats-stream-differs", "package-missing", and as `natsError`. */
  static async of(nats: NatsConnection, options: NatsSideOptions): Promise<NatsSide> {
    const loaded = await loadNats();
    const { stream, prefix } = options.plan;
    if (stream === undefined) return new NatsSide(nats, options, undefined, loaded);
    const jetStream = await JetStream.of(nats);
    await jetStream.ensureStream(stream.name, subjectOf(prefix, ">"), stream);
    return new NatsSide(nats, options, jetStream, loaded);
  }

  /** Resolves when NATS holds it. Rejects as `natsError`. To NATS core those of one turn have one promise. */
  send(leaving: Leaving): Promise<void> {
    if (this.#stream !== undefined) return this.#sendToStream(leaving, this.#stream);
    try {
      const { subject, data, headers } = leaving;
      this.nats.publish(subject, data, { headers: new Lines(headers) as unknown as MsgHdrs });
    } catch (cause) {
      return Promise.reject(natsError(cause));
    }
    return this.#flush();
  }

  /** A stream takes one message of an id: where it has another one under this id, the true one goes under an id of this bridge. */
  async #sendToStream(leaving: Leaving, stream: JetStream): Promise<void> {
    const { subject, headers, data } = leaving;
    const publish = (marked: Headers) =>
      stream.client.publish(subject, data, { headers: this.#marked(marked), timeout: ACK_MS });
    try {
      const { duplicate, seq } = await publish(headers);
      if (!duplicate || (await this.#isThere(leaving, stream, seq))) return;
      await publish({ ...headers, [MESSAGE_ID]: `${leaving.id}:${this.#own}` });
    } catch (cause) {
      const error = natsError(cause);
      if (error.code === "peer-unreachable") await this.#lookFor(stream);
      throw error;
    }
  }

  /** Nobody takes what is published: the stream may have been deleted. */
  async #lookFor(stream: JetStream): Promise<void> {
    const isThere = await stream.has(this.#plan.stream!.name).catch(() => true); // NATS is away: that is told by itself.
    if (!isThere) this.#gone(undefined);
  }

  async #isThere(leaving: Leaving, stream: JetStream, sequence: number): Promise<boolean> {
    const stored = await stream.message(this.#plan.stream!.name, sequence);
    if (stored === undefined) return false;
    const { subject, header, data } = stored;
    return printOf({ subject, headers: recordOf(header), data }) === printOf(leaving);
  }

  /** Shows what bridges bring from now on, as NATS hands it out: what they say that they bring, NATS need not have. */
  async watch(saw: (message: Seen) => void): Promise<void> {
    const { toNats, prefix, stream } = this.#plan;
    const see = ({ subject, headers, data }: Msg | JsMsg) => saw({ subject, headers: recordOf(headers), data });
    for (const subject of toNats.map((pattern) => subjectOf(prefix, pattern))) {
      if (this.#stream !== undefined && stream !== undefined) {
        const consumer = await this.#stream.ordered(stream.name, subject);
        await this.#consume(consumer, see, undefined);
      } else this.nats.subscribe(subject, { callback: (error, message) => void (error ?? see(message)) });
    }
  }

  /** Reads what is allowed to come in, from the stream, or from NATS core: of that, what comes when `hasRoom` says no is dropped. */
  async read(take: (message: Arriving) => void, hasRoom: () => boolean, retries: Retries): Promise<void> {
    const { fromNats: patterns, prefix } = this.#plan;
    for (const pattern of patterns) {
      const subject = subjectOf(prefix, pattern);
      if (this.#stream !== undefined) await this.follow(consumerName("ff-in", subject), subject, take);
      else {
        const callback = (error: Error | null, message: Msg) => {
          if (error === null && hasRoom()) take(new OfCore(message, take, retries));
        };
        this.nats.subscribe(subject, { queue: QUEUE, callback });
      }
    }
  }

  /** A durable consumer of the stream. */
  async follow(durable: string, filter: string, take: (message: Arriving) => void): Promise<void> {
    const { stream } = this.#plan;
    if (this.#stream === undefined || stream === undefined) return;
    const { places } = this.#options;
    const since = places.get(durable);
    const consumer = await this.#stream.consumer(stream.name, durable, filter, since && since - AGAIN_MARGIN_MS);
    const onDone = (at: number) => places.set(durable, Math.max(at, places.get(durable) ?? 0));
    await this.#consume(consumer, (message) => take(ofStream(message, onDone)), durable);
  }

  async #consume(consumer: Consumer, callback: (message: JsMsg) => void, durable: string | undefined): Promise<void> {
    const reading = await consumer.consume({ ...AHEAD, callback });
    this.#reading.push(reading);
    void this.#watchOver(reading, durable);
  }

  /** The client goes on asking a consumer that is not there any more, and says so here only. One in order it makes anew itself. */
  async #watchOver(reading: ConsumerMessages, durable: string | undefined): Promise<void> {
    for await (const { type } of reading.status()) {
      if (type === "stream_not_found") this.#gone(undefined);
      else if (durable !== undefined && DELETED.includes(type)) this.#gone(durable);
      else continue;
      return;
    }
  }

  #gone(durable: string | undefined): void {
    if (this.#isGone || this.nats.isClosed()) return;
    this.#isGone = true;
    this.#options.onGone(gone(this.#plan.stream!.name, durable));
  }

  /** What the stream holds of a filter, from an instant on, until all was read. */
  async *replay(filter: string, since: number, signal: AbortSignal): AsyncGenerator<Arriving, void, undefined> {
    const { stream } = this.#plan;
    if (this.#stream === undefined || stream === undefined) return;
    const consumer = await this.#stream.reader(stream.name, filter, since);
    for (let left = 1; left > 0 && !signal.aborted; ) {
      left = 0;
      for await (const message of await consumer.fetch({ max_messages: REPLAYED_AT_ONCE, expires: REPLAY_MS })) {
        left = message.info.pending;
        yield ofStream(message);
      }
    }
  }

  async close(): Promise<void> {
    await Promise.all(this.#reading.map((each) => each.close().catch(() => {})));
    if (!this.nats.isClosed()) await this.nats.close();
  }

  /** One round trip for all that one turn has sent. */
  #flush(): Promise<void> {
    this.#flushed ??= this.#turn();
    return this.#flushed;
  }

  async #turn(): Promise<void> {
    await Promise.resolve();
    this.#flushed = undefined;
    try {
      await flushed(this.nats);
    } catch (cause) {
      throw natsError(cause);
    }
  }

  /** They were checked when they were made: `set` would look at each letter again. */
  #marked(headers: Headers): MsgHdrs {
    const values: Record<string, string[]> = {};
    for (const name in headers) values[name] = [headers[name] as string];
    return this.#nats.MsgHdrsImpl.fromRecord(values);
  }
}

function gone(stream: string, durable: string | undefined): FirefliesError {
  if (durable === undefined)
    return new FirefliesError("nats-stream-differs", `The stream ${stream} is gone: somebody has deleted it.`, {
      advice: "It is made anew. What it held and had not come in is lost: find out who deletes it.",
    });
  return new FirefliesError(
    "nats-stream-differs",
    `The consumer ${durable} of the stream ${stream} is gone: somebody has deleted it.`,
    { advice: "It is made anew, and what came within ten minutes comes once more: find out who deletes it." },
  );
}

function ofStream(message: JsMsg, onDone?: (at: number) => void): Arriving {
  return {
    ...{ subject: message.subject, headers: recordOf(message.headers), data: message.data },
    deliveries: message.info.deliveryCount,
    done: () => {
      message.ack();
      onDone?.(message.info.timestampNanos / 1_000_000);
    },
    again: (ms) => {
      message.nak(ms);
      return true;
    },
    refuse: () => message.term(),
    overflow: () => {
      message.nak(OVERFLOW_MS);
      return true;
    },
  };
}

/** NATS core hands out once: who cannot take it keeps it for another try. One of each message: a class makes no closures. */
class OfCore implements Arriving {
  readonly subject: string;
  readonly headers: Headers;
  readonly data: Uint8Array;
  readonly #take: (message: Arriving) => void;
  readonly #retries: Retries;
  deliveries = 1;

  constructor(message: Msg, take: (message: Arriving) => void, retries: Retries) {
    this.subject = message.subject;
    this.headers = recordOf(message.headers);
    this.data = message.data;
    this.#take = take;
    this.#retries = retries;
  }

  done(): void {}

  again(ms: number): boolean {
    const { deliveries: tries, data } = this;
    this.deliveries += 1;
    return this.#retries.add({ tries, bytes: data.length }, () => this.#take(this), ms);
  }

  refuse(): void {}

  overflow(): boolean {
    return false;
  }
}

/**
 * Headers as NATS core writes them, for the client, which asks headers of a message that it publishes for nothing else. They were
 * checked when they were made: its own would look at each letter again.
 */
class Lines {
  readonly #headers: Headers;

  constructor(headers: Headers) {
    this.#headers = headers;
  }

  encode(): Uint8Array {
    const headers = this.#headers;
    let text = "NATS/1.0\r\n";
    for (const name in headers) text += `${name}: ${headers[name]}\r\n`;
    return Buffer.from(`${text}\r\n`);
  }
}

/** The first value of each. */
function recordOf(headers: MsgHdrs | undefined): Headers {
  if (headers === undefined) return NO_HEADERS;
  return Object.fromEntries(
    [...headers].flatMap(([name, values]) => (values[0] === undefined ? [] : [[name, values[0]]])),
  );
}
