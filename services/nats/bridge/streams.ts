/** The stream of JetStream that holds what members and NATS publish, and the consumers that read it. */
import type {
  Consumer,
  ConsumerConfig,
  JetStreamClient,
  JetStreamManager,
  StoredMsg,
  StreamConfig,
} from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/transport-node";
import { FirefliesError, sha256Hex } from "../../../identity/index.js";
import { natsError } from "../connection/connect.js";
import { loadJetStream } from "../connection/load.js";

/** Of the stream, where it is made here. One that is there is used as it is, if it holds what is wanted. */
export interface StreamSettings {
  /** "ff-NETWORK" by default. */
  readonly name?: string | undefined;
  /** 1 to 5; 1 by default. */
  readonly replicas?: number | undefined;
  /** Milliseconds that messages are kept; for ever by default. */
  readonly maxAgeMs?: number | undefined;
  /** Bytes that it holds; without bound by default. */
  readonly maxBytes?: number | undefined;
}

/** Messages that a consumer has handed out and that are not acknowledged. */
export const ACK_PENDING_MAX = 1_000;
/** Milliseconds until what is not acknowledged is handed out again. */
export const ACK_WAIT_MS = 30_000;
const NANOSECONDS = 1_000_000;
const REPLICAS_MAX = 5;
/** https://github.com/nats-io/nats-server/blob/main/server/errors.json */
const STREAM_NOT_FOUND = 10_059;
const CONSUMER_NOT_FOUND = 10_014;
/** Another bridge has made it just now. */
const CONSUMER_THERE = new Set([10_013, 10_105, 10_148]);
const MESSAGE_NOT_FOUND = 10_037;
const NOT_ENABLED = new Set([10_039, 10_076, 503]);

export class JetStream {
  readonly client: JetStreamClient;
  readonly #manager: JetStreamManager;

  private constructor(client: JetStreamClient, manager: JetStreamManager) {
    this.client = client;
    this.#manager = manager;
  }

  /** Rejects with "package-missing", and as `natsError`. */
  static async of(nats: NatsConnection): Promise<JetStream> {
    const { jetstream, jetstreamManager } = await loadJetStream();
    const manager = await jetstreamManager(nats).catch((cause: unknown) => {
      throw cause instanceof Error && NOT_ENABLED.has((cause as unknown as { code: number }).code)
        ? new FirefliesError("nats-stream-differs", "This NATS server has no JetStream, or not for this account.", {
            cause,
          })
        : natsError(cause);
    });
    return new JetStream(jetstream(nats), manager);
  }

  /** There is a stream that holds all subjects of the prefix: made, or found. Rejects with "nats-stream-differs". */
  async ensureStream(name: string, subjects: string, settings: StreamSettings): Promise<void> {
    const found = await this.#info(name);
    if (found !== undefined) {
      requireFitting(name, subjects, found);
      return;
    }
    const { replicas = 1, maxAgeMs, maxBytes } = settings;
    if (!(Number.isInteger(replicas) && replicas >= 1 && replicas <= REPLICAS_MAX))
      throw new FirefliesError(
        "config-bad-value",
        `replicas is a whole number from 1 to ${REPLICAS_MAX}, not ${replicas}.`,
      );
    const config = {
      ...{ name, subjects: [subjects], num_replicas: replicas },
      ...(maxAgeMs !== undefined && { max_age: maxAgeMs * NANOSECONDS }),
      ...(maxBytes !== undefined && { max_bytes: maxBytes }),
    };
    await this.#manager.streams.add(config).catch((cause: unknown) => {
      throw differs(name, cause);
    });
  }

  /**
   * A durable consumer that reads one filter; the same for all who ask by this name. Where it has to be made it begins at `since`,
   * unix milliseconds, or with all that there is. Rejects with "nats-stream-differs".
   */
  async consumer(stream: string, durable: string, filter: string, since?: number): Promise<Consumer> {
    const { AckPolicy, DeliverPolicy } = await loadJetStream();
    const begin =
      since === undefined
        ? { deliver_policy: DeliverPolicy.All }
        : { deliver_policy: DeliverPolicy.StartTime, opt_start_time: new Date(since).toISOString() };
    try {
      const found = await this.#consumerInfo(stream, durable);
      if (found === undefined) {
        await this.#manager.consumers
          .add(stream, {
            ...{ durable_name: durable, filter_subject: filter, ack_policy: AckPolicy.Explicit },
            ...{ ...begin, ack_wait: ACK_WAIT_MS * NANOSECONDS, max_ack_pending: ACK_PENDING_MAX },
          })
          .catch((cause: unknown) => {
            if (!CONSUMER_THERE.has((cause as { code?: number }).code ?? 0)) throw cause;
          });
      } else requireReading(stream, durable, found, { filter, acks: AckPolicy.Explicit });
      return await this.client.consumers.get(stream, durable);
    } catch (cause) {
      throw differs(stream, cause);
    }
  }

  /** Is the stream there? Rejects as `natsError`. */
  async has(name: string): Promise<boolean> {
    return (await this.#info(name)) !== undefined;
  }

  /** What matches from now on, in order, for this connection alone. Rejects with "nats-stream-differs". */
  async ordered(stream: string, filter: string): Promise<Consumer> {
    const { DeliverPolicy } = await loadJetStream();
    try {
      // One filter: servers before 2.10 take no list of them.
      const options = { filter_subjects: filter, deliver_policy: DeliverPolicy.New };
      return await this.client.consumers.get(stream, options);
    } catch (cause) {
      throw differs(stream, cause);
    }
  }

  /** The message of this number; undefined when it is not kept any more. Rejects as `natsError`. */
  async message(stream: string, sequence: number): Promise<StoredMsg | undefined> {
    try {
      return (await this.#manager.streams.getMessage(stream, { seq: sequence })) ?? undefined;
    } catch (cause) {
      if ((cause as { code?: unknown }).code === MESSAGE_NOT_FOUND) return undefined;
      throw natsError(cause);
    }
  }

  /** Reads one filter from an instant on, in order; nothing of it stays at the server. Rejects as `consumer`. */
  async reader(stream: string, filter: string, since: number): Promise<Consumer> {
    const { DeliverPolicy } = await loadJetStream();
    try {
      return await this.client.consumers.get(stream, {
        ...{ filter_subjects: filter, deliver_policy: DeliverPolicy.StartTime },
        opt_start_time: new Date(Math.max(0, since)).toISOString(),
      });
    } catch (cause) {
      throw differs(stream, cause);
    }
  }

  async #consumerInfo(stream: string, durable: string): Promise<ConsumerConfig | undefined> {
    try {
      return (await this.#manager.consumers.info(stream, durable)).config;
    } catch (cause) {
      if ((cause as { code?: unknown }).code === CONSUMER_NOT_FOUND) return undefined;
      throw cause;
    }
  }

  async #info(name: string): Promise<StreamConfig | undefined> {
    try {
      return (await this.#manager.streams.info(name)).config;
    } catch (cause) {
      if ((cause as { code?: unknown }).code === STREAM_NOT_FOUND) return undefined;
      throw natsError(cause);
    }
  }
}

/** Of one filter: names of consumers hold neither dots nor wildcards. */
export function consumerName(prefix: string, filter: string): string {
  return `${prefix}-${sha256Hex(Buffer.from(filter)).slice(0, 16)}`;
}

function requireFitting(name: string, subjects: string, found: StreamConfig): void {
  if (found.subjects?.includes(subjects) !== true)
    throw stream(name, `holds ${found.subjects?.join(", ") || "nothing"}, and ${subjects} is wanted`);
  if (found.no_ack === true) throw stream(name, "acknowledges nothing (no_ack)");
  if (found.sealed === true) throw stream(name, "is sealed");
  if (found.retention !== "limits") throw stream(name, `has the retention ${found.retention}, and several read it`);
}

function requireReading(
  name: string,
  durable: string,
  found: ConsumerConfig,
  { filter, acks }: { readonly filter: string; readonly acks: ConsumerConfig["ack_policy"] },
): void {
  if (found.deliver_subject !== undefined) throw stream(name, `has a consumer ${durable} that is pushed to`);
  if (found.ack_policy !== acks)
    throw stream(name, `has a consumer ${durable} without acknowledgements of each message`);
  if (found.filter_subject !== filter)
    throw stream(name, `has a consumer ${durable} of ${found.filter_subject ?? "everything"}, and ${filter} is wanted`);
}

function stream(name: string, why: string, cause?: unknown): FirefliesError {
  return new FirefliesError("nats-stream-differs", `The stream ${name} ${why}.`, { cause });
}

function differs(name: string, cause: unknown): FirefliesError {
  if (cause instanceof FirefliesError) return cause;
  const isApi = cause instanceof Error && cause.name === "JetStreamApiError";
  return isApi ? stream(name, `cannot be as it is wanted: ${cause.message}`, cause) : natsError(cause);
}
