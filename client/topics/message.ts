/** A message as a handler gets it: what it is asked for is made when it is asked for. */
import { type Batch, messageOf } from "../../topics/index.js";
import type { Sender } from "../types.js";
import type { TopicMessage } from "./types.js";

/** What the messages of one batch have in common at one subscription. */
export interface Handed {
  readonly batch: Batch;
  /** The batch's payload, copied for this subscription: a handler may write to it, and others are passed the batch as it came. */
  readonly payload: Uint8Array;
  readonly from: () => Sender;
  readonly prove: (batch: Batch, number: number) => Uint8Array;
}

export class HandedMessage implements TopicMessage {
  readonly sequence: number;
  readonly redelivered: number;
  readonly #handed: Handed;
  readonly #done: ((number: number) => void) | undefined;
  #data: Uint8Array | undefined;
  #from: Sender | undefined;

  /** `done` is called by `ack`; undefined where a handler's end counts. */
  constructor(handed: Handed, number: number, redelivered: number, done?: (number: number) => void) {
    this.#handed = handed;
    this.sequence = number;
    this.redelivered = redelivered;
    this.#done = done;
  }

  /** The batch of a message, without a copy; undefined for what is none of this member's. */
  static batchOf(message: object): Batch | undefined {
    return #handed in message ? (message as HandedMessage).#handed.batch : undefined;
  }

  get topic(): string {
    return this.#handed.batch.log.topic;
  }

  get data(): Uint8Array {
    this.#data ??= this.#window();
    return this.#data;
  }

  get from(): Sender {
    this.#from ??= this.#handed.from();
    return this.#from;
  }

  get at(): number {
    return this.#handed.batch.at;
  }

  proof(): Uint8Array {
    const { prove, batch } = this.#handed;
    return prove(batch, this.sequence);
  }

  ack(): void {
    this.#done?.(this.sequence);
  }

  #window(): Uint8Array {
    const { batch, payload } = this.#handed;
    const { byteOffset, length } = messageOf(batch, this.sequence);
    const start = byteOffset - batch.payload.byteOffset;
    return payload.subarray(start, start + length);
  }
}
