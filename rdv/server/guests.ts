/** A client that a server has: its request, and what it is told. */
import type { Socket } from "node:net";
import type { IpPort } from "../wire/addresses.js";
import type { Method } from "../wire/lines.js";

/** A request as hooks and handlers see it. Addresses are "ip:port". */
export interface RdvRequest {
  readonly method: Method;
  /** As UTF-8. Two clients meet when their tokens have the same bytes. */
  readonly token: string;
  /** The target as it came, with its query. */
  readonly url: string;
  /** Names in lower case; values of a repeated name joined by ", ". What the client wrote: believe none of it. */
  readonly headers: Readonly<Record<string, string>>;
  readonly selfAddresses: readonly string[];
  /** Where the connection comes from, which is the nearest proxy's address if there is one. */
  readonly remoteAddress: string | undefined;
  /** With the connection's certificates, if it is a TLSSocket. Neither read nor write it. */
  readonly socket: Socket;
}

export interface Guest {
  readonly request: RdvRequest;
  readonly method: Method;
  /** The token's bytes as Latin-1. */
  readonly key: string;
  readonly socket: Socket;
  readonly observedAddress: IpPort | undefined;
  readonly selfAddresses: readonly IpPort[];
  /** Whose places and requests are counted: one IPv4 address, or a /64 of IPv6. */
  readonly origin: string;
}
