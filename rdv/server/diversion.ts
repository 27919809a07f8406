/** What stands between one HTTP server and its connections, for all rendezvous servers that answer on it. */
import type { Server as HttpServer, IncomingMessage, ServerResponse } from "node:http";
import type { Server as HttpsServer } from "node:https";
import type { Socket } from "node:net";
import { Server as TlsServer } from "node:tls";
import type { Head } from "../wire/head.js";
import { requestPath } from "../wire/request.js";
import { sortConnection } from "./first-bytes.js";
import { readHead } from "./last-word.js";
import { Undecided } from "./undecided.js";

export type HttpServerLike = HttpServer | HttpsServer;

/** One that answers below a prefix. */
export interface Tenant {
  /** Begins and ends with "/". */
  readonly prefix: string;
  /** A connection whose request begins with DIAL or ACCEPT. */
  readonly serve: (socket: Socket, head: Head) => void;
  /** A request that the HTTP server has parsed, for a path below the prefix. No response when it asks for an upgrade. */
  readonly refuse: (request: IncomingMessage, response: ServerResponse | undefined) => void;
}

/** Gives a server's requests below the tenant's prefix to it, all others to the server. Returns what undoes that. */
export function divert(server: HttpServerLike, tenant: Tenant): () => void {
  const diversion = DIVERSIONS.get(server) ?? new Diversion(server);
  DIVERSIONS.set(server, diversion);
  return diversion.add(tenant);
}

class Diversion {
  readonly #server: HttpServerLike;
  readonly #emit: HttpServerLike["emit"];
  readonly #tenants = new Set<Tenant>();
  readonly #undecided = new Undecided();

  /** Works on `emit`, so that listeners which come later are behind it as well. */
  constructor(server: HttpServerLike) {
    this.#server = server;
    this.#emit = server.emit;
    const connection = server instanceof TlsServer ? "secureConnection" : "connection";
    server.emit = (name: string, ...args: unknown[]) => {
      if (name === connection && this.#sort(connection, args[0] as Socket)) return true;
      const [request, response] = args as [IncomingMessage, ServerResponse];
      if (name === "request" && this.#refuse(request, response)) return true;
      if (name === "upgrade" && this.#refuse(request)) return true;
      return this.#pass(name, args);
    };
  }

  add(tenant: Tenant): () => void {
    this.#tenants.add(tenant);
    return () => {
      this.#tenants.delete(tenant);
      if (this.#tenants.size > 0) return;
      this.#server.emit = this.#emit;
      DIVERSIONS.delete(this.#server);
    };
  }

  #pass(name: string, args: readonly unknown[]): boolean {
    return Reflect.apply(this.#emit, this.#server, [name, ...args]);
  }

  /** One that gives way before its first bytes is the HTTP server's, with its time-outs; one whose head has begun is refused. */
  #sort(event: string, socket: Socket): boolean {
    const giving = new AbortController();
    let letGo = () => {};
    const decide = (isOurs: boolean | undefined) => {
      if (isOurs) return void this.#serve(socket, giving.signal);
      this.#undecided.remove(socket);
      if (isOurs === false) this.#pass(event, [socket]);
    };
    this.#undecided.add(socket, () => {
      letGo();
      giving.abort();
    });
    letGo = sortConnection(socket, decide);
    return true;
  }

  async #serve(socket: Socket, giving: AbortSignal): Promise<void> {
    const head = await readHead(socket, giving);
    this.#undecided.remove(socket);
    if (head === undefined) return;
    const [anyone] = this.#tenants;
    const tenant = this.#find(requestPath(head) ?? "") ?? anyone;
    if (tenant === undefined) socket.destroy();
    else tenant.serve(socket, head);
  }

  #refuse(request: IncomingMessage, response?: ServerResponse): boolean {
    const tenant = this.#find((request.url ?? "").replace(/\?.*$/, ""));
    tenant?.refuse(request, response);
    return tenant !== undefined;
  }

  /** The one with the longest prefix of a path. */
  #find(path: string): Tenant | undefined {
    const matching = [...this.#tenants].filter(({ prefix }) => `${path}/`.startsWith(prefix));
    return matching.sort((a, b) => b.prefix.length - a.prefix.length)[0];
  }
}

const DIVERSIONS = new WeakMap<HttpServerLike, Diversion>();
