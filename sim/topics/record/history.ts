/**
 * What happened with topics in a run: what was published, who had subscribed, and what each subscription was told. The
 * invariants T1 to T5 are functions of it, and the claims are counted from it.
 */
import type { MemberId } from "../../../rings/index.js";

/** A log by one name: its publisher, the life that it began in, and its topic. */
export type LogKey = string;

export function logKey(publisher: MemberId, life: bigint, topic: string): LogKey {
  return `${publisher} ${life} ${topic}`;
}

/** One message, as its publisher gave it to its machine. Times are virtual milliseconds. */
export interface Published {
  readonly log: LogKey;
  readonly topic: string;
  readonly number: number;
  /** Of its bytes: hexadecimal. */
  readonly digest: string;
  /** The publisher, by its number in the simulation. */
  readonly member: number;
  readonly at: number;
  /** When `publish` resolved; undefined: it did not, or its level was "none". */
  safeAt?: number;
  readonly level: "none" | "some" | "all";
}

/** What a subscription was told, in its order. */
export type Told =
  | {
      readonly kind: "handed";
      readonly at: number;
      readonly log: LogKey;
      readonly number: number;
      readonly digest: string;
      /** Links on which the batch had come. */
      readonly hops?: number;
    }
  | { readonly kind: "acknowledged"; readonly at: number; readonly log: LogKey; readonly number: number }
  | { readonly kind: "lost"; readonly at: number; readonly log: LogKey; readonly count: number };

/** One subscription in one life of its member. */
export interface Subscribed {
  readonly member: number;
  readonly pattern: string;
  /** The queue group that it is in. */
  readonly queue?: string | undefined;
  /** Its member's next life goes on where it is. */
  readonly isDurable?: boolean;
  /** When it was asked for. */
  readonly at: number;
  /** When `subscribe` resolved; undefined: not yet. */
  resolvedAt?: number | undefined;
  /** When it was given up, or its member's life ended; undefined: it goes on. */
  endedAt?: number;
  readonly told: Told[];
}

/** A member's share in a run. */
export interface Fate {
  readonly name: string;
  readonly id: MemberId;
  readonly isCorrect: boolean;
  /** When its life ended in which it did what the history says; undefined: it goes on. */
  readonly downAt: number | undefined;
}

/** A proof that a publisher signed two messages under one number, as a correct member holds it. */
export interface Proven {
  readonly publisher: MemberId;
  readonly log: LogKey;
  readonly at: number;
}

export interface History {
  /** When it was looked at. */
  readonly end: number;
  /** By number. */
  readonly fates: readonly Fate[];
  readonly published: readonly Published[];
  readonly subscriptions: readonly Subscribed[];
  readonly proven: readonly Proven[];
}

/** Who writes a log. */
export function publisherOf(log: LogKey): MemberId {
  return log.slice(0, log.indexOf(" ")) as MemberId;
}

/** What its topic is. */
export function topicOf(log: LogKey): string {
  return log.slice(log.indexOf(" ", log.indexOf(" ") + 1) + 1);
}

/** Does a pattern of a subscription name this topic? `topics/` has the rule. */
export type Matches = (pattern: string, topic: string) => boolean;
