/** What the command line needs of a Client: so that its control server can be tested without a network. */
import type { Change, Member, MessageStream, SendOptions } from "../client/types.js";
import type { MemberId } from "../rings/index.js";

/** A member's own figures. More may come; all are shown as they are. */
export interface ClientInfo {
  readonly id: MemberId;
  readonly address: string;
  /** Network id, hex. */
  readonly network: string;
  /** Ring count k. */
  readonly rings: number;
  /** t, the Byzantine predecessors that a member bears. */
  readonly tolerance: number;
  readonly deltaMs: number;
  readonly epoch: bigint;
  readonly [figure: string]: unknown;
}

/** My neighbours on one ring; undefined while I am alone. */
export interface RingNeighbours {
  readonly ring: number;
  readonly predecessor: MemberId | undefined;
  readonly successor: MemberId | undefined;
}

export interface AgentClient {
  members(): readonly Member[];
  changes(options?: { readonly signal?: AbortSignal }): AsyncIterable<Change>;
  info(): ClientInfo;
  rings(): readonly RingNeighbours[];
  sendToId(id: MemberId, data: Uint8Array, options?: SendOptions): Promise<Uint8Array>;
  openStream(id: MemberId, options?: { readonly signal?: AbortSignal }): Promise<MessageStream>;
  setGossipContent(data: Uint8Array): void;
}
