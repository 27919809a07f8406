/** The accepted connections, by their two ends, with the member that each was proven to be. */
import type { TLSSocket } from "node:tls";
import type { ConnectionInfo } from "@grpc/grpc-js/build/src/server-interceptors.js";
import type { MemberCertificate } from "../../identity/index.js";
import type { MemberId } from "../../rings/index.js";
import type { ByteDuplex, CallKind, DuplexKind } from "../transport.js";

/** Connections of one member. It needs one; a restart may leave one behind for a while. Beyond, the oldest is cut. */
const CONNECTIONS_PER_MEMBER_MAX = 4;

/**
 * Calls and duplexes of one member at once, over all its connections. Of each, gRPC collects a message of up to 4 MiB
 * before anyone else sees it: 300 MB at most. A member of ours makes one exchange and one push at a time, a probe now
 * and then, has two duplexes for messages per link, and 32 streams.
 */
const OPEN_PER_MEMBER_MAX: Readonly<Record<CallKind | DuplexKind, number>> = {
  exchange: 16,
  probe: 8,
  messages: 8,
  stream: 40,
};

export interface Connection {
  readonly peer: MemberCertificate;
  readonly socket: TLSSocket;
  readonly duplexes: Set<ByteDuplex>;
}

/** Names a connection. Both ends are in it: with several local addresses one remote port can be connected twice. */
export function connectionKey({ localAddress, localPort, remoteAddress, remotePort }: ConnectionInfo): string {
  return `${localAddress} ${localPort} ${remoteAddress} ${remotePort}`;
}

export class Connections {
  readonly #byKey = new Map<string, Connection>();
  readonly #byMember = new Map<MemberId, Set<Connection>>();
  /** By kind and member. */
  readonly #open = new Map<string, number>();

  /** Counts a call or duplex that has begun; returns how to say that it is over, or undefined when there are too many. */
  enter(key: string, kind: CallKind | DuplexKind): (() => void) | undefined {
    const connection = this.#byKey.get(key);
    if (connection === undefined) return () => {}; // The handler refuses it.
    const name = `${kind} ${connection.peer.id}`;
    const open = this.#open.get(name) ?? 0;
    if (open >= OPEN_PER_MEMBER_MAX[kind]) return undefined;
    this.#open.set(name, open + 1);
    return () => this.#leave(name);
  }

  #leave(name: string): void {
    const open = (this.#open.get(name) ?? 0) - 1;
    if (open > 0) this.#open.set(name, open);
    else this.#open.delete(name);
  }

  get(key: string): Connection | undefined {
    return this.#byKey.get(key);
  }

  [Symbol.iterator](): Iterator<Connection> {
    return this.#byKey.values();
  }

  /** Kept until its socket closes. */
  add(connection: Connection): void {
    const { socket, peer } = connection;
    const key = connectionKey(socket);
    const siblings = this.#byMember.get(peer.id) ?? new Set();
    siblings.add(connection);
    this.#byKey.set(key, connection);
    this.#byMember.set(peer.id, siblings);
    socket.once("close", () => this.#remove(key, connection, siblings));
    const [oldest] = siblings;
    if (siblings.size > CONNECTIONS_PER_MEMBER_MAX) oldest?.socket.destroy();
  }

  #remove(key: string, connection: Connection, siblings: Set<Connection>): void {
    if (this.#byKey.get(key) === connection) this.#byKey.delete(key);
    siblings.delete(connection);
    if (siblings.size === 0) this.#byMember.delete(connection.peer.id);
  }
}
