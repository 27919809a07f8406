/** The accepted connections, by their two ends, with the member that each was proven to be. */
import type { TLSSocket } from "node:tls";
import type { ConnectionInfo } from "@grpc/grpc-js/build/src/server-interceptors.js";
import type { MemberCertificate } from "../../identity/index.js";
import type { MemberId } from "../../rings/index.js";
import type { ByteDuplex } from "../transport.js";

/** Connections of one member. It needs one; a restart may leave one behind for a while. Beyond, the oldest is cut. */
const CONNECTIONS_PER_MEMBER_MAX = 4;

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
