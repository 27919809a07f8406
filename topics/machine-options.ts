/** What a machine of topics is made from, and what its inputs take and answer. */
import type { MemberId, Rings } from "../rings/index.js";
import type { Place, SubscriptionNumber } from "./effects.js";
import type { Kept } from "./keeping.js";
import type { Ports } from "./ports.js";
import type { LogName } from "./records/log.js";
import type { Settings } from "./settings.js";

export interface MachineOptions {
  readonly id: MemberId;
  /** Of this process: higher than in any before. Unix milliseconds of its start will do. */
  readonly life: bigint;
  /** k, from the certificate: how many liars among neighbours are planned for follows from it. */
  readonly ringCount: number;
  /** Read at each use. After a change of retention `keepingChanged` is to be called; nothing else may change. */
  readonly settings: Settings;
  readonly ports: Ports;
  /**
   * All members on as many rings as `topicRingCount` says, to start from; the machine forks them. For many machines in one
   * process. Default: none, and each member is put on the rings when it appears.
   */
  readonly rings?: Rings;
  /**
   * In place of the settings' retention, for some topics, mine and those of others that are held here. The bytes of all logs
   * together are bounded by the settings.
   */
  readonly keeping?: ((topic: string) => Kept | undefined) | undefined;
}

export type Level = "none" | "some" | "all";

export interface PublishOptions {
  /** Default: some. For `some` and `all` receivers tell how far they are at the end of their turn, for `none` a little later. */
  readonly level?: Level;
  /** Emits `store`, and counts as safe when that is answered. */
  readonly durable?: boolean;
}

/** What is full: all that this member may publish, or what is kept of one topic. */
export type Fullness = "overloaded" | "topic-full";

export type Published =
  /** The message has this number in my log of the topic; `sent` and `safe` tell what becomes of it. */
  | { readonly ok: true; readonly log: LogName; readonly number: number }
  /** Names: see NAME_ADVICE in names.ts. "overloaded", or "topic-full" for this topic alone: wait for `room`, or give up. */
  | { readonly ok: false; readonly reason: "topic-invalid" | "message-too-large" | "too-many-topics" | Fullness };

export interface SubscribeOptions {
  /** The group of which one live member gets each message. It resolves when the others know of it. */
  readonly queue?: string;
  /** Messages handed to the handler and not settled yet, over all logs: 1 to 65,536. Default 1,024. */
  readonly inFlightMax?: number;
  /** How often a message is handed to a handler that fails, 1 to 1,000. Default 5. */
  readonly attemptsMax?: number;
  /** Milliseconds until a failed message comes again, doubled each time up to a minute: 1 to 60,000. Default 100. */
  readonly backoffMs?: number;
  /** Emits `place`, and goes on from these. */
  readonly places?: readonly Place[];
  /** With `places`: it was there in an earlier life. Of a log that began since then it is owed all. */
  readonly isResumed?: boolean;
  /** What its members hold no more comes from elsewhere (`Machine.recover`): nothing is lost until `recovered` is told. */
  readonly isRecovering?: boolean;
  /** First each publisher's newest message, as far as anybody holds it. */
  readonly last?: boolean;
}

export type Subscribed =
  | { readonly ok: true; readonly subscription: SubscriptionNumber }
  | { readonly ok: false; readonly reason: "pattern-invalid" | "too-many-subscriptions" };

/** What this member holds for topics, in all: each is bounded (limits.ts, settings.ts). */
export interface Holdings {
  /** Bytes of batches of mine, and of others'. */
  readonly ownBytes: number;
  readonly foreignBytes: number;
  /** Logs of which batches were held, and those of the publisher of most. */
  readonly logs: number;
  readonly logsOfOne: number;
  /** Logs of which nothing but word came, and those of the publisher of most. */
  readonly bareLogs: number;
  readonly bareLogsOfOne: number;
  /** Bytes of batches whose signatures are being checked, these checks, and what of both one member caused at most. */
  readonly checkedBytes: number;
  readonly checkedBytesOfOne: number;
  readonly checks: number;
  readonly checksOfOne: number;
  /** Numbers that members of queue groups say to have handled and that do not count yet, and those of who said most. */
  readonly groupClaims: number;
  readonly groupClaimsOfOne: number;
}

/** What there is of a topic at this member, for operators. */
export interface TopicFigures {
  readonly topic: string;
  /** Live subscribers, me included. */
  readonly subscribers: number;
  /** Logs of mine and of others that are held. */
  readonly logs: number;
  /** Messages published here in this life. */
  readonly published: number;
  /** Messages settled here, over all subscriptions. */
  readonly settled: number;
  /** Messages that are held and not settled by every subscription. */
  readonly backlog: number;
  readonly heldBytes: number;
}
