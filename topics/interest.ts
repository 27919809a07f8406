/**
 * What a member subscribes to, as the body of its interest statement, which gossip/ signs, spreads and does not open.
 * Ascending by the bytes of pattern and group, each pair once, big-endian:
 *
 *     u8 1 | u16 count, each: u8 length, pattern | u8 length, queue group (0: none) [| u48 since | u48 until (0: none)] | extensions
 *
 * The times stand behind a group only.
 */
import {
  ByteReader,
  ByteWriter,
  compareBytes,
  NO_EXTENSIONS,
  readExtensions,
  utf8Decode,
  utf8Encode,
  writeExtensions,
} from "../rings/index.js";
import { GROUP_BYTES_MAX, groupProblem, patternProblem, TOPIC_BYTES_MAX } from "./names.js";

const VERSION = 1;
/** Subscriptions of one member: everyone holds those of all others. */
export const INTERESTS_MAX = 256;
/** Bytes of a body: 256 patterns of 255 bytes without groups, each with its two lengths, and the frame. */
export const INTEREST_BODY_BYTES_MAX = INTERESTS_MAX * (TOPIC_BYTES_MAX + 2) + 4;

/** One subscription as others see it. A member with several of one pattern and group tells it once. */
export interface Interest {
  readonly pattern: string;
  /** The name of the group of which one live member handles each message. Without it this member handles all. */
  readonly queue?: string;
  /**
   * Unix milliseconds: this member takes part in the group for messages that are as late, by their publisher's time, and before
   * `until`. Since all members of a group go by them, all agree who handles a message while others come and go.
   */
  readonly since?: number;
  readonly until?: number;
}

export type InterestProblem = "too-many" | "too-large";

const NOTHING: readonly Interest[] = Object.freeze([]);

interface Encoded {
  readonly pattern: Uint8Array;
  readonly queue: Uint8Array;
  readonly since: number;
  readonly until: number;
}

/**
 * The body, or why there is none: more than 256 subscriptions, or more bytes than a body may have. The caller has checked the
 * names. Order and repetitions do not matter.
 */
export function encodeInterests(interests: readonly Interest[]): Uint8Array | InterestProblem {
  const sorted = sortedOnce(interests.map(encoded));
  if (sorted.length > INTERESTS_MAX) return "too-many";
  const writer = new ByteWriter().u8(VERSION).u16(sorted.length);
  for (const { pattern, queue, since, until } of sorted) {
    writer.u8(pattern.length).raw(pattern).u8(queue.length).raw(queue);
    if (queue.length > 0) writer.u48(since).u48(until);
  }
  const body = writeExtensions(writer, NO_EXTENSIONS).finish();
  return body.length > INTEREST_BODY_BYTES_MAX ? "too-large" : body;
}

/**
 * What a peer subscribes to; undefined when the bytes are no such body. A name that is none by my rules is left out: rules may
 * differ by a version, and the others are good.
 */
export function parseInterests(body: Uint8Array): readonly Interest[] | undefined {
  if (body.length > INTEREST_BODY_BYTES_MAX) return undefined;
  const reader = new ByteReader(body);
  if (reader.u8() !== VERSION) return undefined;
  const count = reader.u16();
  if (count > INTERESTS_MAX) return undefined;
  const list: Encoded[] = [];
  while (list.length < count && !reader.bad) list.push(readOne(reader));
  readExtensions(reader);
  if (!reader.complete || !isAscending(list)) return undefined;
  const interests = list.map(decoded).filter((interest) => interest !== undefined);
  return interests.length === 0 ? NOTHING : Object.freeze(interests);
}

function readOne(reader: ByteReader): Encoded {
  const pattern = reader.raw(reader.u8());
  const length = reader.u8();
  if (length > GROUP_BYTES_MAX) reader.refuse();
  const queue = reader.raw(length);
  const [since, until] = length > 0 ? [reader.u48(), reader.u48()] : [0, 0];
  return { pattern, queue, since, until };
}

function decoded({ pattern, queue, since, until }: Encoded): Interest | undefined {
  const [text, group] = [utf8Decode(pattern), utf8Decode(queue)];
  if (text === undefined || group === undefined || patternProblem(text) !== undefined) return undefined;
  if (group === "") return { pattern: text };
  if (groupProblem(group) !== undefined) return undefined;
  return { pattern: text, queue: group, since, ...(until > 0 && { until }) };
}

function encoded({ pattern, queue = "", since = 0, until = 0 }: Interest): Encoded {
  return { pattern: utf8Encode(pattern), queue: utf8Encode(queue), since, until };
}

function compare(a: Encoded, b: Encoded): number {
  return compareBytes(a.pattern, b.pattern) || compareBytes(a.queue, b.queue);
}

function sortedOnce(list: Encoded[]): Encoded[] {
  return list.sort(compare).filter((one, index) => index === 0 || compare(list[index - 1]!, one) !== 0);
}

function isAscending(list: readonly Encoded[]): boolean {
  return list.every((one, index) => index === 0 || compare(list[index - 1]!, one) < 0);
}
