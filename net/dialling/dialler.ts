/** Dials a member: all its addresses, and all answers of their names, raced. */
import type { Duplex } from "node:stream";
import type { MemberId } from "../../rings/index.js";
import type { Address } from "../address.js";
import type { Deadline } from "../deadline.js";
import type { Transport } from "../transports/transport.js";
import type { Resolver } from "./resolver.js";

export interface DiallerOptions {
  /** One per scheme. */
  readonly transports: readonly Transport[];
  readonly resolver: Resolver;
  /** Monotonic milliseconds, for what is remembered. */
  readonly now: () => number;
  /** My own addresses as text: never dialled, and they say whether loopback may be. */
  readonly mine: () => readonly string[];
}

/** `deadline` holds for look-up, dials and handshake together. */
export interface DialOptions extends Deadline {
  /** The member that should answer: look-ups go on its account, and a failed dial that found it does not count. */
  readonly expect?: MemberId | undefined;
}

/**
 * Makes a session of a connection. `address` is the one that was dialled, its host an IP address. When `signal` fires, another
 * one has won or time is up: the connection is destroyed, and what this returns is dropped.
 */
export type Attempt<T> = (connection: Duplex, address: Address, signal: AbortSignal) => Promise<T>;

export interface Dial {
  /** Rejects with a DialError; `reason` is "refused" only if every address that was tried said so. */
  dial<T>(addresses: readonly string[], options: DialOptions, attempt: Attempt<T>): Promise<T>;
  /** These answered: no reason to wait before the next dial. */
  forgive(addresses: readonly string[]): void;
}
