/**
 * The batch that is being filled in this turn. Messages are written behind a gap for all that stands before them in a frame, so
 * sealing fills the gap: a message is copied once, by `publish`, and never again.
 */
import type { Sha256 } from "../../rings/index.js";
import { BATCH_BYTES, BATCH_MESSAGES_MAX } from "../limits.js";
import {
  type Batch,
  type BatchFacts,
  bodyBytes,
  encodeBody,
  FLAG_DURABLE,
  FLAG_URGENT,
  SIGNATURE_BYTES,
} from "../records/batch.js";
import { FRAME_HEAD_BYTES, writeFrameHead } from "../records/frames.js";
import type { LogName } from "../records/log.js";
import { batchPrefix, PLAIN_PREFIX_BYTES } from "../records/packet.js";

/** Before a message: a varint of its length. */
const LENGTH_BYTES_MAX = 4;
const BODY_LENGTH_BYTES = 2;
const PREFIX = batchPrefix(undefined);
/** Bytes for messages that a buffer begins with. */
const CAPACITY_MIN = 512;

export interface Sealed {
  readonly batch: Batch;
  /** The batch as a packet with its length before it, ready to be sent. */
  readonly frame: Uint8Array;
}

export class OpenBatch {
  readonly #log: LogName;
  readonly #gap: number;
  #buffer: Uint8Array;
  #end: number;
  readonly #offsets: number[] = [];
  #flags = 0;

  /** `capacity`: bytes of messages that are likely to come. */
  constructor(log: LogName, capacity: number) {
    this.#log = log;
    this.#gap = FRAME_HEAD_BYTES + PLAIN_PREFIX_BYTES + BODY_LENGTH_BYTES + bodyBytes(log) + SIGNATURE_BYTES;
    this.#buffer = new Uint8Array(this.#gap + Math.max(CAPACITY_MIN, capacity));
    this.#end = this.#gap;
  }

  get count(): number {
    return this.#offsets.length / 2;
  }

  /** Bytes of the messages, each with its length. */
  get bytes(): number {
    return this.#end - this.#gap;
  }

  /** It is to be sealed before another message of so many bytes comes in. */
  isFullFor(bytes: number): boolean {
    return this.count >= BATCH_MESSAGES_MAX || (this.count > 0 && this.bytes + bytes + LENGTH_BYTES_MAX > BATCH_BYTES);
  }

  add(data: Uint8Array, isUrgent: boolean, isDurable: boolean): void {
    const { length } = data;
    this.#room(length + LENGTH_BYTES_MAX);
    const buffer = this.#buffer;
    let at = this.#end;
    let rest = length;
    for (; rest > 0x7f; rest >>>= 7) buffer[at++] = (rest & 0x7f) | 0x80;
    buffer[at++] = rest;
    buffer.set(data, at);
    this.#offsets.push(at - this.#gap, at - this.#gap + length);
    this.#end = at + length;
    this.#flags |= (isUrgent ? FLAG_URGENT : 0) | (isDurable ? FLAG_DURABLE : 0);
  }

  seal(
    { first, at, previous }: Pick<BatchFacts, "first" | "at" | "previous">,
    sha256: Sha256,
    sign: (body: Uint8Array) => Uint8Array,
  ): Sealed {
    const frame = this.#fitted();
    const payload = frame.subarray(this.#gap);
    const facts = {
      log: this.#log,
      first,
      count: this.count,
      at,
      previous,
      digest: sha256(payload),
      payloadBytes: payload.length,
      flags: this.#flags,
    };
    const written = encodeBody(facts);
    const signature = sign(written);
    const bodyAt = FRAME_HEAD_BYTES + PLAIN_PREFIX_BYTES + BODY_LENGTH_BYTES;
    writeFrameHead(frame, frame.length - FRAME_HEAD_BYTES);
    frame.set(PREFIX, FRAME_HEAD_BYTES);
    frame[bodyAt - 2] = written.length >>> 8;
    frame[bodyAt - 1] = written.length;
    frame.set(written, bodyAt);
    frame.set(signature, bodyAt + written.length);
    const batch = {
      ...facts,
      last: first + facts.count - 1,
      body: frame.subarray(bodyAt, bodyAt + written.length),
      signature: frame.subarray(bodyAt + written.length, this.#gap),
      bytes: frame.subarray(FRAME_HEAD_BYTES + PLAIN_PREFIX_BYTES),
      payload,
      offsets: Uint32Array.from(this.#offsets),
    };
    return { batch, frame };
  }

  /** The buffer as far as it is used; a copy when a third of it would be kept for nothing. */
  #fitted(): Uint8Array {
    const isWasteful = this.#buffer.length > this.#end * 1.5;
    return isWasteful ? this.#buffer.slice(0, this.#end) : this.#buffer.subarray(0, this.#end);
  }

  #room(bytes: number): void {
    const needed = this.#end + bytes;
    if (needed <= this.#buffer.length) return;
    const grown = new Uint8Array(Math.max(needed, this.#buffer.length * 2));
    grown.set(this.#buffer.subarray(0, this.#end));
    this.#buffer = grown;
  }
}
