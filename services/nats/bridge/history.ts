/** Topics read from the stream, which keeps them when the overlay has let go of them. Authors are checked as they were signed. */
import { FirefliesError, messageOf } from "../../../identity/index.js";
import type { Arriving } from "./importer.js";
import { claimIn, type Headers, plainHeaders } from "./marks.js";
import { ProvenBatches } from "./proven.js";
import { topicOf } from "./subjects.js";

/** A message of the stream. */
export interface StreamMessage {
  readonly topic: string;
  readonly data: Uint8Array;
  /** Who published it on the topic, by its signature; undefined for a publisher of NATS, and for a batch that lacks messages. */
  readonly from: { readonly id: string; readonly name: string | undefined } | undefined;
  /** In its author's log; undefined without an author. */
  readonly sequence: number | undefined;
  /** Unix milliseconds of the author's clock. */
  readonly at: number | undefined;
  /** Of a publisher of NATS. */
  readonly headers: Headers;
}

export interface HistoryOptions {
  /** The name of the place in the stream: 1 to 64 letters, digits, "_" and "-". It outlives the process, and the member. */
  readonly durable: string;
  /** The message is acknowledged when this has resolved; it comes again when it rejects. One at a time, in order. */
  readonly handler: (message: StreamMessage) => Promise<void> | void;
}

const AGAIN_MS = 1_000;
const DELIVERIES_MAX = 4;

/** What is done with each message, one after the other. */
export class HistoryReader {
  readonly #prefix: string;
  readonly #handler: HistoryOptions["handler"];
  readonly #onTrouble: (error: FirefliesError) => void;
  readonly #batches: ProvenBatches<Arriving>;
  #turn: Promise<void> = Promise.resolve();

  constructor(parts: {
    readonly prefix: string;
    readonly roots: readonly Uint8Array[];
    readonly now: () => number;
    readonly handler: HistoryOptions["handler"];
    readonly onTrouble: (error: FirefliesError) => void;
  }) {
    this.#prefix = parts.prefix;
    this.#handler = parts.handler;
    this.#onTrouble = parts.onTrouble;
    this.#batches = new ProvenBatches(parts.roots, parts.now);
  }

  take(message: Arriving): void {
    const topic = topicOf(this.#prefix, message.subject);
    if (topic === undefined) {
      message.refuse();
      return;
    }
    const claim = message.deliveries > DELIVERIES_MAX ? undefined : claimIn(message.headers);
    const { data, headers } = message;
    if (claim === undefined) {
      const plain = {
        topic,
        data,
        from: undefined,
        sequence: undefined,
        at: undefined,
        headers: plainHeaders(headers),
      };
      this.#hand(message, plain);
      return;
    }
    const judged = this.#batches.add({ claim, topic, data, held: message });
    if (judged.kind === "waits") return;
    for (const { held, claim: of, ...one } of judged.messages) {
      if (judged.kind === "proven") {
        const { id, name, at } = judged.author;
        this.#hand(held, { ...one, from: { id, name }, sequence: of.sequence, at, headers: {} });
      } else if (judged.kind === "doubted") held.again(AGAIN_MS);
      else {
        held.refuse();
        this.#onTrouble(new FirefliesError("proof-altered", `A message at ${held.subject}: ${judged.why}.`));
      }
    }
  }

  #hand(held: Arriving, message: StreamMessage): void {
    this.#turn = this.#turn.then(async () => {
      try {
        await this.#handler(message);
        held.done();
      } catch (cause) {
        this.#onTrouble(new FirefliesError("handler-failed", messageOf(cause), { cause }));
        held.again(AGAIN_MS);
      }
    });
  }
}
