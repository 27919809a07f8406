/** The side of NATS of one bridge, for as long as one connection lives: what is sent, what is read, and what is asked. */
import { randomUUID } from "node:crypto";
import type { ConsumerMessages, JsMsg } from "@nats-io/jetstream";
import type { Msg, MsgHdrs, NatsConnection } from "@nats-io/transport-node";
import { natsError } from "../connection/connect.js";
import { flushed } from "../connection/flush.js";
import { loadNats, type NatsPackage } from "../connection/load.js";
import type { Leaving } from "./exporter.js";
import type { Arriving } from "./importer.js";
import { type Headers, MESSAGE_ID, NO_HEADERS } from "./marks.js";
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

export class NatsSide {
  readonly nats: NatsConnection;
  readonly #nats: NatsPackage;
  readonly #plan: BridgePlan;
  readonly #stream: JetStream | undefined;
  readonly #reading: ConsumerMessages[] = [];
  /** Ends ids that nobody else can have taken. */
  readonly #own = randomUUID();
  #flushed: Promise<void> | undefined;

  private constructor(nats: NatsConnection, plan: BridgePlan, stream: JetStream | undefined, loaded: NatsPackage) {
    this.nats = nats;
    this.#nats = loaded;
    this.#plan = plan;
    this.#stream = stream;
  }

  /** Empty ones, or a status. */
  headers(code?: number, description?: string): MsgHdrs {
    return this.#nats.headers(code, description);
  }

  /** Rejects with "nats-stream-differs", "package-missing", and as `natsError`. */
  static async of(nats: NatsConnection, plan: BridgePlan): Promise<NatsSide> {
    const loaded = await loadNats();
    const { stream, prefix } = plan;
    if (stream === undefined) return new NatsSide(nats, plan, undefined, loaded);
    const jetStream = await JetStream.of(nats);
    await jetStream.ensureStream(stream.name, subjectOf(prefix, ">"), stream);
    return new NatsSide(nats, plan, jetStream, loaded);
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
      throw natsError(cause);
    }
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
        this.#reading.push(await consumer.consume({ ...AHEAD, callback: see }));
      } else this.nats.subscribe(subject, { callback: (error, message) => void (error ?? see(message)) });
    }
  }

  /** Reads what is allowed to come in, from the stream, or from NATS core: of that, what comes when `hasRoom` says no is dropped. */
  async read(take: (message: Arriving) => void, hasRoom: () => boolean): Promise<void> {
    const { fromNats: patterns, prefix } = this.#plan;
    for (const pattern of patterns) {
      const subject = subjectOf(prefix, pattern);
      if (this.#stream !== undefined) await this.follow(consumerName("ff-in", subject), subject, take);
      else {
        const callback = (error: Error | null, message: Msg) => {
          if (error === null && hasRoom()) take(new OfCore(message, take));
        };
        this.nats.subscribe(subject, { queue: QUEUE, callback });
      }
    }
  }

  /** A durable consumer of the stream. */
  async follow(durable: string, filter: string, take: (message: Arriving) => void): Promise<void> {
    const { stream } = this.#plan;
    if (this.#stream === undefined || stream === undefined) return;
    const consumer = await this.#stream.consumer(stream.name, durable, filter);
    this.#reading.push(await consumer.consume({ ...AHEAD, callback: (message) => take(ofStream(message)) }));
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

function ofStream(message: JsMsg): Arriving {
  return {
    ...{ subject: message.subject, headers: recordOf(message.headers), data: message.data },
    deliveries: message.info.deliveryCount,
    done: () => message.ack(),
    again: (ms) => message.nak(ms),
    refuse: () => message.term(),
    overflow: () => message.nak(OVERFLOW_MS),
  };
}

/** NATS core hands out once: who cannot take it keeps it for another try. One of each message: a class makes no closures. */
class OfCore implements Arriving {
  readonly subject: string;
  readonly headers: Headers;
  readonly data: Uint8Array;
  readonly #take: (message: Arriving) => void;
  deliveries = 1;

  constructor(message: Msg, take: (message: Arriving) => void) {
    this.subject = message.subject;
    this.headers = recordOf(message.headers);
    this.data = message.data;
    this.#take = take;
  }

  done(): void {}

  again(ms: number): void {
    this.deliveries += 1;
    setTimeout(() => this.#take(this), ms).unref();
  }

  refuse(): void {}

  overflow(): void {}
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
