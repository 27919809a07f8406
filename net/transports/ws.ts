/**
 * WebSocket (RFC 6455) as a transport of bytes, for members behind a way in that speaks HTTP only. Each piece is a
 * binary message; an empty one says that nothing more comes, which a WebSocket has no word for. The package `ws` is
 * loaded when it is used: who wants this transport installs it.
 */
import { createServer as createHttpServer, type Server as HttpServer, type IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import { Duplex } from "node:stream";
import type { ClientOptions, ServerOptions, WebSocket, WebSocketServer } from "ws";
import { FirefliesError } from "../../identity/index.js";
import { onAbort } from "../abort.js";
import { type Address, formatAddress, formatHostPort } from "../address.js";
import { DialError } from "./dial-error.js";
import type { ConnectionGate } from "./gate.js";
import { dialTcp, listenGated } from "./tcp.js";
import type { Bound, DialTarget, ListenAddress, Transport } from "./transport.js";

/** Bytes of one message that is sent: what comes over TLS fits, and a proxy that buffers messages buffers little. */
const MESSAGE_BYTES = 64 * 1024;
/** Bytes of one message that is taken. */
const MESSAGE_BYTES_MAX = 256 * 1024;
/** Bytes that either direction holds before a write waits. */
const BUFFER_BYTES = 64 * 1024;
/** From the first byte to the upgrade, milliseconds. */
const UPGRADE_MS = 5_000;
/** How long the closing handshake may take, milliseconds: all bytes have arrived by then. */
const CLOSE_MS = 1_000;
/** Bytes of the HTTP head: what proxies add fits. */
const HEAD_BYTES_MAX = 8 * 1024;

/** Compression would only cost: everything above is encrypted. */
const OPTIONS = {
  perMessageDeflate: false,
  maxPayload: MESSAGE_BYTES_MAX,
  maxFragments: 1_024,
  closeTimeout: CLOSE_MS,
};

/** Where a listener is, when its address has no path. */
const PATH_DEFAULT = "/fireflies";
/** How paths end: the note of a stranger must not make members ask any web server for anything else. */
const PATH = /\/fireflies$/;
/** RFC 6455, section 1.9: a server that does not know it is none of ours, and says so in its answer. */
const PROTOCOL = "fireflies";

export interface WsOptions {
  /** See TcpOptions. It counts by the address of the proxy, where there is one. */
  readonly gate?: ConnectionGate | undefined;
}

/** WebSocket, for addresses as "ws://host:port/path". Needs the package `ws`. */
export function wsTransport({ gate }: WsOptions = {}): Transport {
  return {
    scheme: "ws",
    dial: dialWs,
    listen: (at, onConnection) => listenWs(at, gate, onConnection),
  };
}

type Package = typeof import("ws");

/** Rejects with "address-invalid" when the package is not there. */
async function load(): Promise<Package> {
  try {
    return await import("ws");
  } catch (cause) {
    throw new FirefliesError("address-invalid", 'Addresses of "ws:" need the package ws.', {
      advice: "Run `npm install ws`.",
      cause,
    });
  }
}

async function dialWs(to: Address, { signal, name = to.host }: DialTarget): Promise<Duplex> {
  const address = formatAddress(to);
  const { path = PATH_DEFAULT } = to;
  if (!PATH.test(path))
    throw new DialError("forbidden", address, { detail: `its path does not end with ${PATH_DEFAULT}` });
  const { WebSocket: Constructor } = await load().catch((cause: FirefliesError) => {
    throw new DialError("local", address, { cause, detail: cause.message });
  });
  const socket = await dialTcp(to, { signal });
  const options: ClientOptions = { ...OPTIONS, createConnection: () => socket };
  const url = `ws://${formatHostPort(name, to.port)}${path}`;
  const ws = new Constructor(url, PROTOCOL, options);
  // Before "open", which may come with the first message in one piece.
  const connection = new WebSocketDuplex(ws);
  try {
    await opened(ws, signal);
  } catch (cause) {
    connection.destroy();
    socket.destroy();
    throw new DialError(signal.aborted ? "cancelled" : "handshake", address, { cause, detail: String(cause) });
  }
  return connection;
}

function opened(ws: WebSocket, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const unwatch = onAbort(signal, () => reject(signal.reason));
    const failed = (error: Error) => {
      unwatch();
      reject(error);
    };
    ws.once("error", failed);
    ws.once("open", () => {
      unwatch();
      ws.removeListener("error", failed);
      resolve();
    });
  });
}

async function listenWs(
  at: ListenAddress,
  gate: ConnectionGate | undefined,
  onConnection: (connection: Duplex, from: Address) => void,
): Promise<Bound> {
  const { path = PATH_DEFAULT } = at;
  if (!PATH.test(path)) {
    throw new FirefliesError("address-invalid", `The path ${path} must end with ${PATH_DEFAULT}.`);
  }
  const { WebSocketServer: Constructor } = await load();
  const upgrader: WebSocketServer = new Constructor({
    ...OPTIONS,
    noServer: true,
    clientTracking: false,
  } as ServerOptions);
  const upgrades = new WeakMap<Socket, (ws: WebSocket) => void>();
  const http = httpServer(upgrader, path, (socket, ws) => upgrades.get(socket)?.(ws));
  return await listenGated(at, "ws", gate, (socket, from, handOver) => {
    // An HTTP server that listens nowhere keeps no time of its own.
    const timer = setTimeout(() => socket.destroy(), UPGRADE_MS);
    socket.once("close", () => clearTimeout(timer));
    upgrades.set(socket, (ws) => {
      clearTimeout(timer);
      handOver();
      const connection = new WebSocketDuplex(ws);
      gate?.carries(socket, connection);
      onConnection(connection, from);
    });
    http.emit("connection", socket);
  });
}

function httpServer(
  upgrader: WebSocketServer,
  path: string,
  onWebSocket: (socket: Socket, ws: WebSocket) => void,
): HttpServer {
  const http = createHttpServer({ maxHeaderSize: HEAD_BYTES_MAX }, (_, response) => {
    response.writeHead(426, { connection: "close", upgrade: "websocket" }).end(); // RFC 9110, section 15.5.22.
  });
  http.on("upgrade", (request: IncomingMessage, socket: Socket, head: Buffer) => {
    if (request.url !== path) {
      socket.end("HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
      return;
    }
    upgrader.handleUpgrade(request, socket, head, (ws) => onWebSocket(socket, ws));
  });
  http.on("clientError", (_, socket) => socket.destroy());
  return http;
}

type Done = (error?: Error | null) => void;

class WebSocketDuplex extends Duplex {
  /** As sockets count. */
  bytesRead = 0;
  readonly #ws: WebSocket;
  #hasEnded = false;

  constructor(ws: WebSocket) {
    super({ highWaterMark: BUFFER_BYTES });
    this.#ws = ws;
    ws.binaryType = "nodebuffer";
    ws.on("message", (data: Buffer, isBinary: boolean) => this.#receive(data, isBinary));
    ws.on("error", (error) => this.destroy(error));
    ws.on("close", () => this.#closed());
    this.on("error", () => {}); // As of every connection: "close" follows.
  }

  override _read(): void {
    if (this.#ws.isPaused) this.#ws.resume();
  }

  override _write(chunk: Buffer, _encoding: string, done: Done): void {
    let at = 0;
    const next: Done = (error) => {
      if (error || at >= chunk.length) {
        done(error);
        return;
      }
      const piece = chunk.subarray(at, at + MESSAGE_BYTES);
      at += piece.length;
      this.#ws.send(piece, { binary: true }, next);
    };
    next();
  }

  override _final(done: Done): void {
    this.#ws.send(new Uint8Array(0), { binary: true }, done);
  }

  /** In order, a closing handshake: to cut at once could take from the other side what it has not read yet. */
  override _destroy(error: Error | null, done: Done): void {
    const inOrder = error === null && this.readableEnded && this.writableFinished;
    if (inOrder) {
      this.#ws.resume();
      this.#ws.close();
    } else {
      this.#ws.terminate();
    }
    done(error);
  }

  #receive(data: Buffer, isBinary: boolean): void {
    if (this.destroyed || this.#hasEnded) return;
    if (!isBinary) {
      this.destroy(new Error("The other side sent text."));
    } else if (data.length === 0) {
      this.#hasEnded = true;
      this.push(null);
    } else {
      this.bytesRead += data.length;
      if (!this.push(data)) this.#ws.pause();
    }
  }

  #closed(): void {
    if (this.#hasEnded && this.writableFinished) return;
    this.destroy(Object.assign(new Error("The other side cut the connection."), { code: "ECONNRESET" }));
  }
}
