/** What a thread asks of the client that is shared with it, and what it is asked: by name, with plain values. */
import type { Change, Isolated, Member, MemberId, Published, Sender } from "../../client/index.js";
import type { PublishOptions, SubscribeOptions, TopicEvent } from "../../client/topics/types.js";

/** What a thread begins with. */
export interface State {
  readonly id: MemberId;
  readonly self: Member;
  readonly members: readonly Member[];
  readonly isolated: Isolated | undefined;
  readonly isStopping: boolean;
}

/** Changes since the batch before. After a gap `members` are all that there are, and the changes before them do not count. */
export interface Batch {
  readonly changes: readonly Change[];
  readonly self: Member;
  readonly members?: readonly Member[];
}

export interface Sending {
  readonly data: Uint8Array;
  readonly service?: string | undefined;
  readonly timeout?: number | undefined;
}

/** By a thread. */
export interface AskedOfClient {
  changes(argument: undefined): Batch | undefined;
  send(argument: Sending & { readonly id: string }): Uint8Array;
  sendToAny(
    argument: Sending & { readonly service: string; readonly key?: string | Uint8Array | undefined },
  ): Uint8Array;
  serve(argument: {
    readonly service: string;
    readonly announce?: boolean | undefined;
    readonly messagesPerPeer?: number | undefined;
  }): Member;
  unserve(argument: { readonly service: string }): Member;
  publish(argument: {
    readonly topic: string;
    readonly data: Uint8Array;
    readonly options: Omit<PublishOptions, "signal">;
  }): Published;
  subscribe(argument: {
    readonly subscription: number;
    readonly topic: string;
    readonly options: Omit<SubscribeOptions, "handler" | "deadLetter" | "onEvent" | "signal">;
    readonly hasDeadLetter: boolean;
    readonly hasOnEvent: boolean;
  }): void;
  unsubscribe(argument: { readonly subscription: number; readonly isDrained: boolean }): void;
  setMetadata(argument: { readonly metadata: Readonly<Record<string, unknown>> }): Member;
}

/** A message of a topic, as it crosses. */
export interface CrossingMessage {
  readonly topic: string;
  readonly data: Uint8Array;
  readonly from: Sender;
  readonly sequence: number;
  readonly at: number;
  readonly redelivered: number;
}

/** By the client's end. */
export interface AskedOfThread {
  alive(argument: undefined): void;
  handle(argument: {
    readonly service: string;
    readonly data: Uint8Array;
    readonly from: Sender;
  }): Uint8Array | undefined;
  message(argument: { readonly subscription: number; readonly message: CrossingMessage }): void;
  deadLetter(argument: {
    readonly subscription: number;
    readonly message: CrossingMessage;
    readonly reason: string;
  }): void;
  event(argument: { readonly subscription: number; readonly event: TopicEvent }): void;
}

type Answers<Asked> = {
  readonly [Name in keyof Asked]: Asked[Name] extends (argument: infer Argument) => infer Result
    ? (argument: Argument, signal: AbortSignal) => Promise<Result> | Result
    : never;
};

export type ClientAnswers = Answers<AskedOfClient>;
export type ThreadAnswers = Answers<AskedOfThread>;
