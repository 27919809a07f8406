/**
 * WebSocket (RFC 6455) as a transport of bytes, for members behind a way in that speaks HTTP only, and on port 443. Each
 * piece is a binary message; an empty one says that nothing more comes, which a WebSocket has no word for. The package `ws`
 * is loaded when it is used: who wants this transport installs it.
 */
import { createServer as createHttpServer, type Server as HttpServer, type IncomingMessage } from "node:http";
import { isIP, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import { connect as connectTls, createSecureContext, TLSSocket } from "node:tls";
import type { ClientOptions, ServerOptions, WebSocket, WebSocketServer } from "ws";
import { FirefliesError } from "../../../identity/index.js";
import { onAbort } from "../../abort.js";
import { type Address, formatAddress, formatHostPort } from "../../address.js";
import { DialError } from "../dial-error.js";
import type { ConnectionGate } from "../gate.js";
import { dialTcp, listenGated } from "../tcp.js";
import type { Bound, DialTarget, ListenAddress, Transport } from "../transport.js";
import { WebSocketDuplex } from "./duplex.js";
import { attach } from "./hosted.js";
import type { WsServer } from "./upgrade-source.js";

/** Bytes of one message that is taken. */
const MESSAGE_BYTES_MAX = 256 * 1024;
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
/** Ports that a Host header leaves out. */
const PORTS = { ws: 80, wss: 443 } as const;

/** The TLS of "wss:", which ends at the way in. Members prove themselves within, whatever it says. */
export interface WsTls {
  /** Roots by which the other side's certificate is checked, in PEM; those of Node.js by default. */
  readonly ca?: string | undefined;
  /** False takes any certificate, as of a proxy that signed its own. Default true. */
  readonly rejectUnauthorized?: boolean | undefined;
  /** To listen by oneself: the chain and its key, in PEM. */
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
}

/** How WebSockets are dialled, and where they come in. */
export interface WsOptions {
  /** See TcpOptions. It counts by the address of the proxy, where there is one. Servers of the program's have none. */
  readonly gate?: ConnectionGate | undefined;
  /** Sent with each dial, for proxies that ask for them. Those of RFC 6455 and Host are not replaced. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly tls?: WsTls | undefined;
  /** Takes the connections, in place of a port of our own: what it answers otherwise stays as it is. */
  readonly server?: WsServer | undefined;
}

type Scheme = keyof typeof PORTS;

/** WebSocket, for addresses as "ws://host:port/path". Needs the package `ws`. */
export function wsTransport(options: WsOptions = {}): Transport {
  return transport("ws", options);
}

/** WebSocket over TLS, for addresses as "wss://host:port/path". It listens with `tls.cert` and `tls.key`, or by `server`. */
export function wssTransport(options: WsOptions = {}): Transport {
  return transport("wss", options);
}

function transport(scheme: Scheme, options: WsOptions): Transport {
  return {
    scheme,
    dial: (to, target) => dialWs(scheme, to, target, options),
    listen: (at, onConnection) => listenWs(scheme, at, options, onConnection),
  };
}

type Package = typeof import("ws");

/** Rejects with "address-invalid" when the package is not there. */
async function load(): Promise<Package> {
  try {
    return await import("ws");
  } catch (cause) {
    throw new FirefliesError("address-invalid", 'Addresses of "ws:" and "wss:" need the package ws.', {
      advice: "Run `npm install ws`.",
      cause,
    });
  }
}

/**
 * RFC 6455, section 5.3, has each client mask its bytes, so that a page of a browser cannot choose what a proxy sees. What
 * goes here is ciphertext of TLS, and chosen by nobody: the mask is zeros, which both ends of the package leave out. It would
 * cost half of the throughput.
 */
function unmasked(mask: Buffer): void {
  mask.fill(0);
}

async function dialWs(scheme: Scheme, to: Address, target: DialTarget, options: WsOptions): Promise<Duplex> {
  const { signal, name = to.host } = target;
  const address = formatAddress(to);
  const { path = PATH_DEFAULT } = to;
  if (!PATH.test(path))
    throw new DialError("forbidden", address, { detail: `its path does not end with ${PATH_DEFAULT}` });
  const { WebSocket: Constructor } = await load().catch((cause: FirefliesError) => {
    throw new DialError("local", address, { cause, detail: cause.message });
  });
  const socket = await dialTcp(to, { signal });
  const secured = scheme === "wss" ? overTls(socket, name, options.tls) : socket;
  const host = to.port === PORTS[scheme] ? formatHostPort(name, 80).replace(/:80$/, "") : formatHostPort(name, to.port);
  const how: ClientOptions = {
    generateMask: unmasked,
    ...OPTIONS,
    headers: { ...options.headers, Host: host },
    createConnection: () => secured,
  };
  // TLS is below already: of "wss:" the package would make its own.
  const ws = new Constructor(`ws://${host}${path}`, PROTOCOL, how);
  // Before "open", which may come with the first message in one piece.
  const connection = new WebSocketDuplex(ws);
  try {
    await opened(ws, signal);
  } catch (cause) {
    connection.destroy();
    secured.destroy();
    socket.destroy();
    throw new DialError(signal.aborted ? "cancelled" : "handshake", address, { cause, detail: String(cause) });
  }
  return connection;
}

function overTls(socket: Socket, name: string, { ca, rejectUnauthorized = true }: WsTls = {}): TLSSocket {
  const named = isIP(name) === 0 ? { servername: name } : {};
  const roots = ca === undefined ? {} : { ca };
  const secured = connectTls({
    socket,
    host: name,
    rejectUnauthorized,
    ALPNProtocols: ["http/1.1"],
    ...named,
    ...roots,
  });
  secured.on("error", () => {}); // The upgrade fails with it.
  return secured;
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
  scheme: Scheme,
  at: ListenAddress,
  { gate, server, tls }: WsOptions,
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
  if (server !== undefined) return attach(server, upgrader, { ...at, scheme, path }, onConnection);
  const secure = scheme === "wss" ? securing(tls) : undefined;
  const upgrades = new WeakMap<Duplex, (ws: WebSocket) => void>();
  const http = httpServer(upgrader, path, (socket, ws) => upgrades.get(socket)?.(ws));
  return await listenGated(at, scheme, gate, (socket, from, handOver) => {
    // An HTTP server that listens nowhere keeps no time of its own.
    const timer = setTimeout(() => socket.destroy(), UPGRADE_MS);
    socket.once("close", () => clearTimeout(timer));
    const outer = secure?.(socket) ?? socket;
    upgrades.set(outer, (ws) => {
      clearTimeout(timer);
      handOver();
      const connection = new WebSocketDuplex(ws);
      gate?.carries(socket, connection);
      onConnection(connection, from);
    });
    http.emit("connection", outer);
  });
}

/** The server's end of TLS over a socket. Throws "address-invalid" without a certificate. */
function securing({ cert, key }: WsTls = {}): (socket: Socket) => TLSSocket {
  if (cert === undefined || key === undefined) {
    throw new FirefliesError("address-invalid", "To listen at wss: takes a certificate and its key.", {
      advice: "Give tls.cert and tls.key, or a server; behind a proxy that ends TLS listen at ws: and advertise wss:.",
    });
  }
  const secureContext = createSecureContext({ cert, key });
  return (socket) => {
    const secured = new TLSSocket(socket, { isServer: true, secureContext });
    secured.on("error", () => socket.destroy());
    secured.on("_tlsError", () => socket.destroy()); // Of a server's socket that no tls.Server made.
    return secured;
  };
}

function httpServer(
  upgrader: WebSocketServer,
  path: string,
  onWebSocket: (socket: Duplex, ws: WebSocket) => void,
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
