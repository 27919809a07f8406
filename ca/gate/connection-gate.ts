/** Who may begin a TLS handshake: a handshake costs the processor a hundred times what it costs the caller. */
import type { Server } from "node:https";
import type { Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import { limitKeyOf } from "./caller-address.js";
import { RateLimit, type RateLimitOptions } from "./rate-limit.js";

export interface GateOptions {
  /** Handshakes of one address. */
  readonly handshakes: RateLimitOptions;
  /** Handshakes of one address that are not finished. */
  readonly unfinishedMax: number;
  /** Connections of one address. */
  readonly connectionsMax: number;
}

export type Refused = "rate" | "unfinished" | "connections";

interface Held {
  /** Handshakes that are not finished. */
  unfinished: number;
  connections: number;
}

export class ConnectionGate {
  readonly #options: GateOptions;
  readonly #limit: RateLimit;
  readonly #refused: (reason: Refused) => void;
  readonly #held = new Map<string, Held>();
  /** By the caller's address and port, which the socket under TLS and the one over it have in common. */
  readonly #shaking = new Set<string>();
  readonly #busy = new Set<string>();
  readonly #sockets = new Set<Socket>();

  constructor(options: GateOptions, refused: (reason: Refused) => void) {
    this.#options = options;
    this.#limit = new RateLimit(options.handshakes);
    this.#refused = refused;
  }

  /** Puts itself before the server's own handling of new connections. */
  guard(server: Server): void {
    const [begin] = server.listeners("connection");
    server.removeAllListeners("connection");
    server.on("connection", (socket: Socket) => {
      if (this.#enter(socket)) begin?.call(server, socket);
      else socket.destroy();
    });
    server.on("secureConnection", (socket: TLSSocket) =>
      this.#finished(endpointOf(socket), limitKeyOf(socket.remoteAddress)),
    );
  }

  /** Connections that are open. */
  get size(): number {
    return this.#sockets.size;
  }

  /** A request of this connection is under way until `answered`. */
  asked(socket: Socket): void {
    this.#busy.add(endpointOf(socket));
  }

  answered(socket: Socket): void {
    this.#busy.delete(endpointOf(socket));
  }

  /** Ends those of which no request is under way; a handshake is none. */
  endIdle(): void {
    for (const socket of this.#sockets) if (!this.#busy.has(endpointOf(socket))) socket.destroy();
  }

  endAll(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  #enter(socket: Socket): boolean {
    const key = limitKeyOf(socket.remoteAddress);
    const reason = this.#reasonAgainst(key);
    if (reason !== undefined) {
      this.#refused(reason);
      return false;
    }
    const held = this.#held.get(key) ?? { unfinished: 0, connections: 0 };
    held.unfinished += 1;
    held.connections += 1;
    this.#held.set(key, held);
    const endpoint = endpointOf(socket);
    this.#shaking.add(endpoint);
    this.#sockets.add(socket);
    socket.once("close", () => this.#left(socket, endpoint, key));
    return true;
  }

  #reasonAgainst(key: string): Refused | undefined {
    const held = this.#held.get(key);
    if (held !== undefined && held.connections >= this.#options.connectionsMax) return "connections";
    if (held !== undefined && held.unfinished >= this.#options.unfinishedMax) return "unfinished";
    return this.#limit.take(key, performance.now()) === 0 ? undefined : "rate";
  }

  #finished(endpoint: string, key: string): void {
    const held = this.#held.get(key);
    if (this.#shaking.delete(endpoint) && held !== undefined) held.unfinished -= 1;
  }

  #left(socket: Socket, endpoint: string, key: string): void {
    this.#sockets.delete(socket);
    this.#busy.delete(endpoint);
    this.#finished(endpoint, key);
    const held = this.#held.get(key);
    if (held === undefined) return;
    held.connections -= 1;
    if (held.connections === 0) this.#held.delete(key);
  }
}

function endpointOf({ remoteAddress = "", remotePort = 0 }: Socket): string {
  return `${remoteAddress} ${remotePort}`;
}
