/**
 * What a transport does: bytes between two hosts. It knows no member and no TLS; sessions are made over what it
 * returns.
 */
import type { Duplex } from "node:stream";
import type { MemberId } from "../../rings/index.js";
import type { Address } from "../address.js";

/** What a dial is for. */
export interface DialTarget {
  /** Cuts what is under way; the dial then rejects at once, with reason "cancelled". */
  readonly signal: AbortSignal;
  /** The name whose look-up gave the address, for protocols that name the host (HTTP). */
  readonly name?: string | undefined;
  /** Who is expected there, for transports that lead through others. */
  readonly member?: MemberId | undefined;
}

/** What to bind to. */
export interface ListenAddress {
  /** An address of this host, or "::" or "0.0.0.0". */
  readonly host: string;
  /** 0 for any free one. */
  readonly port: number;
  /** For transports that have paths. */
  readonly path?: string | undefined;
}

/** Of a connection that came to be by another way than was asked for. */
export interface Reached {
  readonly reached: Address;
}

/** A place that is listened at. */
export interface Bound {
  /** With the port that was chosen. */
  readonly address: Address;
  /** Takes no further connections; those that were handed over live on. Leaves no handle. May be called again. */
  close(): Promise<void>;
}

/** Brings bytes to one address. What it promises is in testing/transport-contract.ts, which runs over all. */
export interface Transport {
  /** Of the addresses that it dials. */
  readonly scheme: string;
  /** True when its hosts are no names of DNS, but its own: they are dialled as they are. */
  readonly ownNames?: boolean;
  /** Of several addresses of a member those of a lower rank are tried first; 0 by default. */
  readonly rank?: number;
  /**
   * A connection to one address, whose host is an IP address (names were looked up before) or one of its own names.
   * Rejects with a DialError. What is written arrives asynchronously: a write never pushes into the other end before it
   * returns.
   *
   * Of the connection: `end()` is a half-close, the other direction goes on until its own end. `destroy()` cuts it: the
   * other side's end closes soon after, or reads an end where nothing had been carried yet. A write that the other side
   * does not read waits, with a bounded number of bytes under way. Errors are errors of the stream; "close" follows them.
   * An error that is a DialError tells how the dial failed after all.
   */
  dial(to: Address, target: DialTarget): Promise<Duplex & Partial<Reached>>;
  /**
   * Rejects with "address-in-use" or "address-invalid". `from` is the other side's address as this host sees it. The
   * connection has an error listener already, so an error of a dropped connection does not end the process.
   */
  listen(at: ListenAddress, onConnection: (connection: Duplex, from: Address) => void): Promise<Bound>;
}
