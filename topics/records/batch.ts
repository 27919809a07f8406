/**
 * A batch: what a publisher published on a topic in one turn, under one signature. It is passed on as it was received.
 *
 *     batch:   u16 length, body | signature (64) | payload
 *     body:    u8 1 | id of the log (log.ts) | u48 first number | u16 messages | u48 unix ms | digest of the body before (32) |
 *              SHA-256 of the payload (32) | u32 bytes of the payload | u8 flags | extensions
 *     payload: each message: its length as a varint of 7 bits a byte, low bits first, then its bytes
 *
 * One digest stands over all messages: one for each would cost a call each and a third of a 100-byte message.
 */
import {
  ByteReader,
  ByteWriter,
  equalBytes,
  NO_EXTENSIONS,
  readExtensions,
  type Sha256,
  writeExtensions,
} from "../../rings/index.js";
import { BATCH_MESSAGES_MAX, BODY_BYTES_MAX, NUMBER_MAX, PAYLOAD_BYTES_MAX } from "../limits.js";
import type { LogName, LogReader } from "./log.js";

const VERSION = 1;
export const SIGNATURE_BYTES = 64;
export const DIGEST_BYTES = 32;
/** In place of the digest of the body before, in the first batch of a log. */
export const NO_DIGEST = new Uint8Array(DIGEST_BYTES);

/** The publisher waits for acknowledgements: tell it at once. */
export const FLAG_URGENT = 1;
/** The publisher has it in its store, and goes on sending it in its next life. */
export const FLAG_DURABLE = 2;

export interface BatchFacts {
  readonly log: LogName;
  /** The number of the first message, from 1 on. */
  readonly first: number;
  /** Messages, from 1 on. */
  readonly count: number;
  /** The publisher's unix milliseconds. */
  readonly at: number;
  /** SHA-256 of the body of the batch before; zeros before the first. */
  readonly previous: Uint8Array;
  /** SHA-256 of the payload. */
  readonly digest: Uint8Array;
  readonly payloadBytes: number;
  readonly flags: number;
}

/** The signed statement that a batch is: what a head of a log shows, and what a proof is made of. */
export interface Head extends BatchFacts {
  readonly body: Uint8Array;
  readonly signature: Uint8Array;
}

export interface Batch extends Head {
  /** The number of the last message. */
  readonly last: number;
  /** Body, signature and payload in one, as signed and passed on. All others are views of it. */
  readonly bytes: Uint8Array;
  readonly payload: Uint8Array;
  /** Where each message starts in the payload, its length left out, and where it ends: two for each. */
  readonly offsets: Uint32Array;
}

/** A message of a batch by its number: a view, not a copy. Throws RangeError when it is not of the batch. */
export function messageOf({ first, last, payload, offsets }: Batch, number: number): Uint8Array {
  if (!(number >= first && number <= last)) throw new RangeError(`message ${number} is not one of ${first} to ${last}`);
  const index = 2 * (number - first);
  return payload.subarray(offsets[index]!, offsets[index + 1]!);
}

/** Bytes of a body on this log. The same for all of its batches, so that a payload may be written behind a gap for it. */
export function bodyBytes(log: LogName): number {
  return encodeBody({ ...EMPTY, log }).length;
}

const EMPTY: Omit<BatchFacts, "log"> = {
  first: 1,
  count: 1,
  at: 0,
  previous: NO_DIGEST,
  digest: NO_DIGEST,
  payloadBytes: 0,
  flags: 0,
};

export function encodeBody(facts: BatchFacts): Uint8Array {
  const writer = new ByteWriter(160 + facts.log.bytes.length).u8(VERSION).raw(facts.log.bytes);
  writer.u48(facts.first).u16(facts.count).u48(facts.at).raw(facts.previous).raw(facts.digest);
  return writeExtensions(writer.u32(facts.payloadBytes).u8(facts.flags), NO_EXTENSIONS).finish();
}

/** A batch from its parts, copied: for tests and simulations. A publisher writes its own in place (publishing/). */
export function encodeBatch(body: Uint8Array, signature: Uint8Array, payload: Uint8Array): Uint8Array {
  return new ByteWriter(2 + body.length + signature.length + payload.length)
    .sized16(body)
    .raw(signature)
    .raw(payload)
    .finish();
}

/** Messages as a payload, copied: for tests and simulations. */
export function encodePayload(messages: readonly Uint8Array[]): Uint8Array {
  const writer = new ByteWriter();
  for (const message of messages) {
    let length = message.length;
    for (; length > 0x7f; length = Math.floor(length / 128)) writer.u8((length & 0x7f) | 0x80);
    writer.u8(length).raw(message);
  }
  return writer.finish();
}

/** Reads a body with its signature. The signature is not checked. Undefined when it is none. */
export function parseHead(body: Uint8Array, signature: Uint8Array, logs: LogReader): Head | undefined {
  if (body.length > BODY_BYTES_MAX || signature.length !== SIGNATURE_BYTES) return undefined;
  const reader = new ByteReader(body);
  if (reader.u8() !== VERSION) return undefined;
  const log = logs.read(reader);
  const head = {
    log: log!,
    first: reader.u48(),
    count: reader.u16(),
    at: reader.u48(),
    previous: reader.raw(DIGEST_BYTES),
    digest: reader.raw(DIGEST_BYTES),
    payloadBytes: reader.u32(),
    flags: reader.u8(),
    body,
    signature,
  };
  readExtensions(reader);
  return reader.complete && isPossible(head) ? head : undefined;
}

function isPossible({ first, count, previous, payloadBytes }: Head): boolean {
  const isFirst = first > 1 || equalBytes(previous, NO_DIGEST);
  const isCounted = first >= 1 && count >= 1 && count <= BATCH_MESSAGES_MAX && first + count - 1 <= NUMBER_MAX;
  return isCounted && isFirst && payloadBytes >= count && payloadBytes <= PAYLOAD_BYTES_MAX;
}

/** Reads the head of a batch, and nothing of its payload. Undefined when it has none. */
export function peekHead(bytes: Uint8Array, logs: LogReader): Head | undefined {
  const reader = new ByteReader(bytes);
  return parseHead(reader.sized16(BODY_BYTES_MAX), reader.raw(SIGNATURE_BYTES), logs);
}

/**
 * Reads a batch and checks its payload against its digest, but not its signature. Undefined when anything is wrong: then
 * whoever sent it lies, because correct members pass on what they have checked. `head`: what `peekHead` read of it.
 */
export function parseBatch(
  bytes: Uint8Array,
  logs: LogReader,
  sha256: Sha256,
  head = peekHead(bytes, logs),
): Batch | undefined {
  if (!head) return undefined;
  const payload = bytes.subarray(2 + head.body.length + SIGNATURE_BYTES);
  if (payload.length !== head.payloadBytes) return undefined;
  const offsets = offsetsIn(payload, head.count);
  if (!offsets || !equalBytes(sha256(payload), head.digest)) return undefined;
  return { ...head, last: head.first + head.count - 1, bytes, payload, offsets };
}

/** Undefined unless the payload is exactly so many messages. */
function offsetsIn(payload: Uint8Array, count: number): Uint32Array | undefined {
  const offsets = new Uint32Array(2 * count);
  let at = 0;
  for (let index = 0; index < 2 * count; index += 2) {
    let length = 0;
    let scale = 1;
    let byte = 0x80;
    for (; byte > 0x7f && scale <= 2 ** 28; scale *= 128) {
      byte = at < payload.length ? payload[at++]! : 0x80;
      length += (byte & 0x7f) * scale;
    }
    if (byte > 0x7f || at + length > payload.length) return undefined;
    offsets[index] = at;
    at += length;
    offsets[index + 1] = at;
  }
  return at === payload.length ? offsets : undefined;
}
