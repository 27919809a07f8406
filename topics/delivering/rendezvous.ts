/**
 * Who of a queue group handles a message, as a function of values: rendezvous hashing (Thaler and Ravishankar, "Using name-based
 * mappings to increase hit rates", IEEE/ACM Transactions on Networking 1998). Each member has a score for each message, and the
 * highest one handles it. So the work is shared evenly without a word, and when a member goes only its own messages
 * change hands.
 */
import { concatBytes, fromHex, type MemberId, memberIdToBytes, type Sha256, utf8Encode } from "../../rings/index.js";
import type { Interest } from "../interest.js";
import { matches } from "../names.js";
import type { LogTag } from "../records/log.js";

/** What a member's scores in one log of one group are made from: two words of 32 bits. */
export interface Seed {
  readonly high: number;
  readonly low: number;
}

/** When a member takes part in a group: unix milliseconds of publishers, from `since` on and before `until`. */
export interface Membership {
  readonly since: number;
  readonly until: number;
}

/** A member of a group as one log needs it. */
export interface Worker extends Membership {
  readonly id: MemberId;
  readonly seed: Seed;
  /** The first number of the log that it has a part in. */
  readonly first: number;
}

/** The life of the log is in its tag: nobody can choose an id that gets the messages of a log to come. */
export function seedOf(queue: string, log: LogTag, member: MemberId, sha256: Sha256): Seed {
  const digest = sha256(concatBytes(memberIdToBytes(member), fromHex(log) as Uint8Array, utf8Encode(queue)));
  return { high: wordAt(digest, 0), low: wordAt(digest, 4) };
}

/** 32 bits, evenly spread over the numbers of a log. */
export function scoreOf({ high, low }: Seed, number: number): number {
  return mix(mix((number ^ low) >>> 0) ^ (Math.floor(number / 2 ** 32) + high));
}

/**
 * Who handles a message that its publisher dated `at`: the one with the highest score of those that take part by then, and have
 * a part in its place of the log. When nobody takes part by then, all that come later do: somebody has to. Undefined when
 * there is nobody.
 */
export function workerOf(workers: Iterable<Worker>, number: number, at: number): Worker | undefined {
  let best: Worker | undefined;
  let bestScore = -1;
  let isTimely = false;
  for (const worker of workers) {
    if (worker.first > number || worker.until <= at) continue;
    const isInTime = worker.since <= at;
    if (isTimely && !isInTime) continue;
    const score = scoreOf(worker.seed, number);
    const isBetter = score > bestScore || (score === bestScore && worker.id > best!.id);
    if (isInTime === isTimely && !isBetter) continue;
    [best, bestScore, isTimely] = [worker, score, isInTime];
  }
  return best;
}

/** When a member takes part in a group on a topic, by what it subscribes to; undefined: it does not. */
export function membershipOf(interests: readonly Interest[], queue: string, topic: string): Membership | undefined {
  let found: Membership | undefined;
  for (const { pattern, queue: group, since = 0, until = Number.POSITIVE_INFINITY } of interests) {
    if (group === queue && matches(pattern, topic)) found = together(found, { since, until });
  }
  return found;
}

/** As early, and as long, as any of several. */
export function together(one: Membership | undefined, other: Membership): Membership {
  if (!one) return other;
  return { since: Math.min(one.since, other.since), until: Math.max(one.until, other.until) };
}

/** The last step of MurmurHash3 (Appleby): each bit of a word depends on each. */
function mix(word: number): number {
  let mixed = word;
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}

function wordAt(bytes: Uint8Array, at: number): number {
  return ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0;
}
