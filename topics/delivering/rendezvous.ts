/**
 * Who of a queue group handles a message, as a function of values: rendezvous hashing (rings/rendezvous.ts). Each member has a
 * score for each message, and the highest one handles it. So the work is shared evenly without a word, and when a member goes
 * only its own messages change hands.
 */
import {
  fromHex,
  type MemberId,
  type Seed,
  type Sha256,
  scoreOf,
  seedOf as seedAmong,
  utf8Encode,
} from "../../rings/index.js";
import type { Interest } from "../interest.js";
import { matches } from "../names.js";
import type { LogTag } from "../records/log.js";

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
  return seedAmong(sha256, member, fromHex(log) as Uint8Array, utf8Encode(queue));
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
