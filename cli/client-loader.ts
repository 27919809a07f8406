/** The Client, loaded only by the command that runs one: its parts take longer to load than other commands to run. */
import type { ClientOptions } from "../client/config/index.js";
import type { GossipHandler, MessageHandler, StreamHandler } from "../client/types.js";
import type { MemberId } from "../rings/index.js";
import type { AgentClient } from "./agent-client.js";

/** A Client with what an agent needs for running it. */
export interface RunnableClient extends AgentClient {
  readonly id: MemberId;
  readonly address: string;
  registerMessageHandler(handler: MessageHandler): void;
  registerGossipHandler(handler: GossipHandler): void;
  registerStreamHandler(handler: StreamHandler): void;
  start(options?: { readonly signal?: AbortSignal }): Promise<void>;
  stop(): Promise<void>;
}

export async function loadClient(options: ClientOptions): Promise<RunnableClient> {
  const library = (await import("../client/index.js")) as unknown as {
    readonly Client: new (options: ClientOptions) => RunnableClient;
  };
  return new library.Client(options);
}
