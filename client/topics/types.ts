/** The public types of topics. What they promise is in docs/topics.md. */
import type { FirefliesError } from "../../identity/index.js";
import type { MemberId } from "../../rings/index.js";
import type { Sender } from "../types.js";

/**
 * How safe a message is before `publish` resolves. "none": it is sent. "some": so many other members hold it that a correct one
 * is among them with the planned risk, at most all others. "all": every live subscriber has acknowledged it.
 */
export type AckLevel = "none" | "some" | "all";

/** Of one message. */
export interface PublishOptions {
  /** "some" by default. */
  readonly ack?: AckLevel | undefined;
  /** It is on this member's disk before the call resolves, and is sent on after a restart. False by default. */
  readonly durable?: boolean | undefined;
  /** Rejects the call with "cancelled". What is sent already stays sent. */
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds until the call rejects with "unacknowledged": above 0; 10,000 by default. */
  readonly timeout?: number | undefined;
  /** While what this member has published and others have not taken fills its share: "wait" (by default), or "reject" with "overloaded". */
  readonly whenFull?: "wait" | "reject" | undefined;
}

/** A message as it stands in its log. */
export interface Published {
  readonly topic: string;
  /** From 1 on, in the log of this member, this life of its process and this topic. */
  readonly sequence: number;
}

/** A message of a topic. */
export interface TopicMessage {
  readonly topic: string;
  /** A window on memory of the subscription: keep a copy (`data.slice()`) of a small one that is to be kept for long. */
  readonly data: Uint8Array;
  /** Who published it, proven by its signature, whoever brought it. */
  readonly from: Sender;
  /** From 1 on, in the log of its publisher, this life of the publisher's process and this topic. */
  readonly sequence: number;
  /** Unix milliseconds of the publisher's clock. */
  readonly at: number;
  /** How often it was handed out before: a handler threw, or did not end in time. */
  readonly redelivered: number;
  /** The message with all that proves who published it: `verifyTopicMessage` checks it. */
  proof(): Uint8Array;
  /** It is done with: it is not handed out again, and its publisher may count it. Only for loops; a handler acknowledges by its end. */
  ack(): void;
}

/**
 * Takes one message. When it has returned, or resolved, the message is acknowledged. When it throws or rejects, or takes longer
 * than `handlerTimeout`, it gets the message again, after a pause that grows from .1 s to 10 s, and `attempts` times at most.
 */
export type TopicHandler = (message: TopicMessage) => Promise<void> | void;

/** Takes a message that its handler did not; it is acknowledged when this has resolved. */
export type DeadLetterHandler = (message: TopicMessage, error: unknown) => Promise<void> | void;

/** What a subscription is told beside messages. */
export type TopicEvent =
  /** The retention of `count` messages of one publisher ended before they were acknowledged here. */
  | {
      readonly kind: "lost";
      readonly topic: string;
      readonly from: Sender;
      readonly count: number;
    }
  /** A publisher has signed two messages under one number. `proof` shows it to anybody; `verifyTopicFork` checks it. */
  | {
      readonly kind: "forked";
      readonly topic: string;
      readonly from: Sender;
      readonly sequence: number;
      readonly proof: Uint8Array;
    };

/** Of one subscription. */
export interface SubscribeOptions {
  /**
   * Keeps its place under this name in the member's directory: after a restart it goes on there. 1 to 64 bytes, one token. One
   * subscription of a member at a time.
   */
  readonly durable?: string | undefined;
  /**
   * The group that shares the messages, 1 to 64 bytes, one token: each goes to one live subscription of this name, to another when
   * that is gone before it has acknowledged. `subscribe` resolves when the others know of it, about a second later.
   */
  readonly queue?: string | undefined;
  /** First the newest message of each publisher on each topic that matches, as far as anybody holds it. False by default. */
  readonly last?: boolean | undefined;
  /** Takes the messages. Without it they are read from the subscription itself, which is iterable. */
  readonly handler?: TopicHandler | undefined;
  /**
   * Messages that are handed out and not acknowledged: 1 to 65,536. With a handler 1 by default, so that each begins when the one
   * before has ended; without one 256.
   */
  readonly maxInFlight?: number | undefined;
  /** Milliseconds from handing out a message to its acknowledgement, after which it is handed out again: 30,000 by default. */
  readonly handlerTimeout?: number | undefined;
  /** Times that a message is handed out, 1 to 1,000: 5 by default. */
  readonly attempts?: number | undefined;
  /** Takes messages after the last attempt. Without it they are dropped, and each is an alarm, "handler-failed". */
  readonly deadLetter?: DeadLetterHandler | undefined;
  /** Without it each event is an alarm: "messages-lost", "topic-forked". */
  readonly onEvent?: ((event: TopicEvent) => void) | undefined;
  /** Ends the call with "cancelled", and later the subscription, as `unsubscribe` does. */
  readonly signal?: AbortSignal | undefined;
}

/** Keeps messages of topics for longer than members do: a bridge to NATS with `retention` is one. */
export interface TopicHistory {
  /** Patterns of what it keeps; all by default. */
  readonly topics?: readonly string[] | undefined;
  /**
   * What was published on topics that match, from this instant on (unix milliseconds), each log's in order: batches as they were
   * signed, checked, until all was read. Rejects with a FirefliesError.
   */
  read(pattern: string, since: number, signal: AbortSignal): AsyncIterable<Uint8Array>;
}

/** Messages of the topics that match a pattern. Iterable once, when it has no handler: leaving the loop unsubscribes. */
export interface Subscription extends AsyncIterable<TopicMessage>, AsyncDisposable {
  /** A topic, or a pattern: `*` stands for one token, `>` at the end for one or more. */
  readonly topic: string;
  /** Nothing more comes. */
  readonly closed: boolean;
  readonly figures: SubscriptionFigures;
  /** Ends it at once: what is not acknowledged is given up; a durable one keeps its place, and goes on there the next time. */
  unsubscribe(): Promise<void>;
  /**
   * Takes no new messages, and ends when those that have come are acknowledged. Those that a loop does not take are given up: at
   * once when there is no loop, else when it has taken none for a `handlerTimeout`. One of a queue goes on until the others know
   * of it.
   */
  drain(): Promise<void>;
  [Symbol.asyncIterator](): AsyncIterator<TopicMessage, undefined>;
}

/** Counted since it began. */
export interface SubscriptionFigures {
  /** Messages that were handed out, each time. */
  readonly delivered: number;
  readonly acknowledged: number;
  readonly redelivered: number;
  readonly deadLettered: number;
  readonly lost: number;
  /** Now: handed out and not acknowledged, and those that wait for that. */
  readonly inFlight: number;
  readonly waiting: number;
}

/** Who subscribes to a topic. */
export interface Subscriber {
  readonly id: MemberId;
  readonly name: string | undefined;
  /** The topic, or a pattern that it matches. */
  readonly pattern: string;
  readonly queue: string | undefined;
}

/** What there is of a topic at this member. */
export interface TopicInfo {
  readonly topic: string;
  /** Live members that subscribe to it, this one included. */
  readonly subscribers: number;
  /** Logs that are held: one for each publisher and life of its process. */
  readonly logs: number;
  /** Messages that were published here since this member began. */
  readonly published: number;
  /** Messages that subscriptions here are done with. */
  readonly settled: number;
  /** Messages that are held and that not every subscription here is done with. */
  readonly backlog: number;
  readonly heldBytes: number;
}

/** `publish` was not answered in time. */
export interface Unacknowledged extends FirefliesError {
  readonly code: "unacknowledged";
  /** With "all": live subscribers that have not acknowledged it. With "some": empty. */
  readonly missing: readonly MemberId[];
}
