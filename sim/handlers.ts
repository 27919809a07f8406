/** What an application hears: messages and gossip of others, and the answers to its gossip. */
import type { Seat } from "./actor.js";

/** A message that a handler was given. */
export interface Incoming {
  readonly from: Seat;
  readonly to: Seat;
  readonly data: Uint8Array;
  /** Answers it, now or later; only the first answer counts. */
  reply(data: Uint8Array): void;
}

/** Returns the answer, or nothing when it answers later through `message.reply`. A throw reaches the sender. */
export type MessageHandler = (message: Incoming) => Uint8Array | undefined;
/** The answer to a neighbour's gossip. */
export type ResponseHandler = (data: Uint8Array, from: Seat) => void;

export interface Handlers {
  message?: MessageHandler;
  gossip?: MessageHandler;
  response?: ResponseHandler;
}
