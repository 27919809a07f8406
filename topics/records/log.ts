/**
 * A log: the messages of one publisher, in one of its lives, on one topic, numbered from 1 on. In packets it is named by its
 * tag; the whole id stands in the signed bodies of its batches.
 *
 *     id:  publisher (32) | u64 life | u8 length, topic (UTF-8)
 *     tag: the first 16 bytes of SHA-256(id)
 */
import {
  ByteReader,
  ByteWriter,
  MEMBER_ID_BYTES,
  type MemberId,
  memberIdFromBytes,
  memberIdToBytes,
  type Sha256,
  toHex,
  utf8Decode,
  utf8Encode,
} from "../../rings/index.js";
import { TOPIC_BYTES_MAX, topicProblem } from "../names.js";

/** Bytes of a tag: nobody finds two logs of one tag. */
export const TAG_BYTES = 16;

declare const brand: unique symbol;

/** 32 lower-case hexadecimal digits. One text per log, so tags may be compared with `===` and be keys of maps. */
export type LogTag = string & { readonly [brand]: "LogTag" };

export interface LogId {
  readonly publisher: MemberId;
  /** The start of the publisher's process, unix milliseconds or anything else that rises from one to the next. */
  readonly life: bigint;
  readonly topic: string;
}

/** A log with its names, made once and shared by all of its batches. */
export interface LogName extends LogId {
  readonly tag: LogTag;
  /** The id as it is signed. */
  readonly bytes: Uint8Array;
}

export function nameLog({ publisher, life, topic }: LogId, sha256: Sha256): LogName {
  const text = utf8Encode(topic);
  const bytes = new ByteWriter(MEMBER_ID_BYTES + 9 + text.length)
    .raw(memberIdToBytes(publisher))
    .u64(life)
    .u8(text.length)
    .raw(text)
    .finish();
  return { publisher, life, topic, bytes, tag: tagOf(bytes, sha256) };
}

function tagOf(id: Uint8Array, sha256: Sha256): LogTag {
  return toHex(sha256(id).subarray(0, TAG_BYTES)) as LogTag;
}

export function readTag(reader: ByteReader): LogTag {
  return toHex(reader.raw(TAG_BYTES)) as LogTag;
}

/** Bytes of an id up to its topic, with the topic's length. */
const FIXED_BYTES = MEMBER_ID_BYTES + 8 + 1;

/** Reads ids, and remembers those that it has read: every batch of a log begins with the same bytes. */
export class LogReader {
  readonly #sha256: Sha256;
  readonly #namesMax: number;
  readonly #names = new Map<string, LogName>();

  /** `namesMax`: logs remembered; the oldest is forgotten, and costs a digest when it comes again. */
  constructor(sha256: Sha256, namesMax: number) {
    this.#sha256 = sha256;
    this.#namesMax = namesMax;
  }

  /** Undefined, and the reader bad, when the bytes are no id of a log or its topic is no name. */
  read(reader: ByteReader): LogName | undefined {
    const start = reader.peek(FIXED_BYTES);
    const length = start.length === FIXED_BYTES ? start[FIXED_BYTES - 1]! : TOPIC_BYTES_MAX + 1;
    const bytes = length > TOPIC_BYTES_MAX ? undefined : reader.raw(FIXED_BYTES + length);
    const name = bytes && !reader.bad ? this.#name(bytes) : undefined;
    if (!name) reader.refuse();
    return name;
  }

  #name(bytes: Uint8Array): LogName | undefined {
    const key = toHex(bytes);
    const known = this.#names.get(key);
    if (known) return known;
    const name = parseId(bytes, this.#sha256);
    if (!name) return undefined;
    if (this.#names.size >= this.#namesMax) this.#names.delete(this.#names.keys().next().value!);
    this.#names.set(key, name);
    return name;
  }
}

function parseId(view: Uint8Array, sha256: Sha256): LogName | undefined {
  const bytes = view.slice();
  const reader = new ByteReader(bytes);
  const publisher = memberIdFromBytes(reader.raw(MEMBER_ID_BYTES));
  const life = reader.u64();
  const topic = utf8Decode(reader.raw(reader.u8()));
  if (topic === undefined || topicProblem(topic) !== undefined) return undefined;
  return { publisher, life, topic, bytes, tag: tagOf(bytes, sha256) };
}
