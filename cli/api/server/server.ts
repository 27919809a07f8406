/**
 * The agent's API, on the agent's side: HTTP/1.1 over a Unix socket of mode 0600, and over other doors that are opened.
 * What answers (app.ts, and with it fastify) is loaded with the first request: most agents are never asked.
 */
import { once } from "node:events";
import { chmod } from "node:fs/promises";
import { createServer, type IncomingMessage, type Server, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { FirefliesError } from "../../../identity/errors/error.js";
import type { AgentHost } from "../host.js";
import { answerFailure, rawFailure } from "../http-failure.js";
import { Access } from "./access.js";
import type { App } from "./app.js";
import { BROWSER_HEADERS, isPagePath } from "./browser.js";

/** Commands at once; a monitor holds its connection for as long as it runs. */
const CONNECTIONS_MAX = 64;
/** Connections that are told to come later; beyond it they are closed without a word. */
const TURNED_AWAY_MAX = 64;
/**
 * Milliseconds for the head of a request: whoever connects has something to ask. An agent that stood still for some seconds
 * still reads what came meanwhile.
 */
const HEAD_MS = 10_000;
/** Milliseconds for a whole request, a message of 4 MiB among them. */
const REQUEST_MS = 30_000;
/** How often Node looks for those that are late, milliseconds. */
const LOOK_MS = 1_000;
/** Milliseconds between two requests of a connection. */
const KEEP_ALIVE_MS = 5_000;
const HEADER_BYTES_MAX = 16 * 1024;
const HEADERS_MAX = 64;
/** Milliseconds that commands under way have when the agent ends. */
const CLOSE_GRACE_MS = 1_000;
/** Only the user that runs the agent may command it. */
const SOCKET_MODE = 0o600;
const PRIVATE_UMASK = 0o177;

export interface ApiOptions {
  readonly path: string;
  readonly host: AgentHost;
}

/** Somewhere to call the agent at, besides the Unix socket. */
export interface Door {
  readonly server: Server;
  readonly access: Access;
  readonly isTls: boolean;
  /** Nothing can be changed here: questions only. */
  readonly isReadOnly?: boolean;
  /** Whom TLS has proven, and who may; undefined for nobody. */
  readonly principalOf: (socket: Socket) => string | undefined;
}

/** For the servers of all doors. Node itself ends what is late. */
export const SERVER_OPTIONS = {
  headersTimeout: HEAD_MS,
  requestTimeout: REQUEST_MS,
  connectionsCheckingInterval: LOOK_MS,
  keepAliveTimeout: KEEP_ALIVE_MS,
  maxHeaderSize: HEADER_BYTES_MAX,
  requireHostHeader: false,
} as const;

export class ApiServer {
  readonly path: string;
  readonly #host: AgentHost;
  readonly #closing = new AbortController();
  readonly #servers = new Set<Server>();
  readonly #sockets = new Set<Socket>();
  /** What is being answered, until its answer is with the system, or taken over by the call itself. */
  readonly #busy = new Map<IncomingMessage, Socket>();
  /** With a request that has no answer yet. */
  readonly #asked = new Set<Socket>();
  #app: Promise<App> | undefined;
  #onIdle = () => {};

  private constructor({ path, host }: ApiOptions) {
    this.path = path;
    this.#host = host;
  }

  /** Listens at once with mode 0600: there is no moment at which others could connect. */
  static async listen(options: ApiOptions): Promise<ApiServer> {
    const api = new ApiServer(options);
    const access = new Access({ isOpen: true, names: [], token: undefined, now: () => performance.now() });
    const server = createServer(SERVER_OPTIONS);
    api.add({ server, access, isTls: false, principalOf: () => undefined });
    const umask = process.umask(PRIVATE_UMASK);
    try {
      server.listen(options.path);
    } finally {
      process.umask(umask);
    }
    await once(server, "listening");
    server.on("error", () => {}); // Failing to accept one connection (no descriptors) is no reason to end.
    await chmod(options.path, SOCKET_MODE);
    return api;
  }

  /** Answers what comes in at this door; the caller has it listen, and closes it no more. */
  add(door: Door): void {
    const { server } = door;
    this.#servers.add(server);
    server.maxConnections = CONNECTIONS_MAX + TURNED_AWAY_MAX;
    server.maxHeadersCount = HEADERS_MAX;
    server.on(door.isTls ? "secureConnection" : "connection", (socket: Socket) => this.#opened(socket));
    server.on("clientError", (error: Error, socket: Socket) => {
      if (socket.writable) socket.end(rawFailure(error));
      else socket.destroy();
    });
    server.on(
      "request",
      (request: IncomingMessage, response: ServerResponse) => void this.#answer(door, request, response),
    );
    server.on("upgrade", (request: IncomingMessage, socket: Socket, head: Buffer) =>
      this.#upgrade(door, { request, socket, head }),
    );
  }

  /** Takes no new command and removes the socket; those under way go on. */
  stopListening(): void {
    for (const server of this.#servers) server.close();
  }

  /** Ends monitors and streams, and everything else once its answer is written. */
  async close(): Promise<void> {
    this.stopListening();
    this.#closing.abort();
    const busy = new Set(this.#busy.values());
    for (const socket of this.#sockets) if (!busy.has(socket)) socket.destroySoon();
    await this.#settled();
    for (const socket of this.#sockets) socket.destroySoon();
    await (await this.#app?.catch(() => undefined))?.close();
  }

  /** Resolves when nothing is being answered, or its time is over. */
  #settled(): Promise<void> {
    if (this.#busy.size === 0) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, CLOSE_GRACE_MS).unref();
      this.#onIdle = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  #opened(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on("error", () => socket.destroy());
    socket.once("close", () => {
      this.#sockets.delete(socket);
      this.#asked.delete(socket);
      for (const [request, its] of this.#busy) if (its === socket) this.#free(request);
    });
  }

  #free(request: IncomingMessage): void {
    if (this.#busy.delete(request) && this.#busy.size === 0) this.#onIdle();
  }

  async #answer(door: Door, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { socket } = request;
    // A second request before the answer to the first would let one connection hold any number of bodies. But who has read the whole
    // answer may ask again at once, before the system has told us that it took the last of it.
    if (this.#asked.has(socket)) return void socket.destroy();
    this.#asked.add(socket);
    this.#busy.set(request, socket);
    response.once("prefinish", () => this.#asked.delete(socket)).once("close", () => this.#free(request));
    for (const [name, value] of Object.entries(BROWSER_HEADERS)) response.setHeader(name, value);
    try {
      this.#require(door, request);
      (await this.#loaded()).answer(request, response);
    } catch (error) {
      answerFailure(response, error);
    }
  }

  #upgrade(door: Door, upgrade: { request: IncomingMessage; socket: Socket; head: Buffer }): void {
    const { request, socket } = upgrade;
    const response = new ServerResponse(request);
    response.assignSocket(socket);
    response.shouldKeepAlive = false;
    response.once("finish", () => {
      // A refusal was written; who was let in has taken the socket before.
      if (response.socket === socket) response.detachSocket(socket);
      socket.destroySoon();
    });
    this.#busy.set(request, socket);
    const answer = async () => {
      this.#require(door, request);
      (await this.#loaded()).answer(request, response, upgrade);
    };
    answer().catch((error: unknown) => answerFailure(response, error));
  }

  /** Throws why it is refused. */
  #require({ access, principalOf, isReadOnly = false }: Door, request: IncomingMessage): void {
    const { headers, socket, method, url = "" } = request;
    if (this.#closing.signal.aborted) throw new FirefliesError("member-stopping", "The agent is stopping.");
    if (this.#sockets.size > CONNECTIONS_MAX) throw new FirefliesError("control-busy");
    const head = {
      headers,
      address: socket.remoteAddress ?? "",
      principal: principalOf(socket),
      isPublic: isReadOnly && isPagePath(url),
    };
    const refusal = access.refusal(head);
    if (refusal !== undefined) throw refusal;
    if (isReadOnly && (method !== "GET" || headers.upgrade !== undefined)) throw readOnly();
  }

  /** One that could not be loaded, as without its package, is tried again with the next request. */
  #loaded(): Promise<App> {
    this.#app ??= load({ host: this.#host, closing: this.#closing.signal }).catch((error: unknown) => {
      this.#app = undefined;
      throw error;
    });
    return this.#app;
  }
}

function readOnly(): FirefliesError {
  return new FirefliesError("agent-forbidden", "This port only shows; it changes nothing.", {
    advice: "Use the agent's API: its Unix socket, or api_listen.",
  });
}

async function load(parts: { readonly host: AgentHost; readonly closing: AbortSignal }): Promise<App> {
  const { missing } = await import("../../../identity/optional.js");
  const { createApp } = await import("./app.js").catch(missing("fastify", "An agent that commands are to reach"));
  return await createApp(parts);
}
