/**
 * The listening end: accepts, shakes hands and judges by itself, and hands only proven members' connections to gRPC.
 * An outsider never reaches HTTP/2; what it can hold is a bounded number of unfinished handshakes for a bounded time.
 */
import { once } from "node:events";
import type { AddressInfo, Socket } from "node:net";
import { createServer, type TLSSocket, type Server as TlsServer } from "node:tls";
import {
  type ConnectionInjector,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServerUnaryCall,
  type sendUnaryData,
} from "@grpc/grpc-js";
import { FirefliesError, type Identity } from "../../identity/index.js";
import { formatAddress } from "../address.js";
import { answerCall, contained, refusalOf, withDeadline } from "../guard.js";
import {
  type ByteDuplex,
  type CallKind,
  DUPLEX_BYTES_MAX,
  type DuplexKind,
  type Listener,
  type ListenOptions,
  type TransportOptions,
} from "../transport.js";
import { type Connection, Connections } from "./connections.js";
import { CalledDuplex } from "./duplex.js";
import { peerInterceptor } from "./interceptor.js";
import { KEEPALIVE_OPTIONS, WIRE_BYTES_MAX } from "./limits.js";
import { CALLS, DUPLEXES, type Piece } from "./service.js";
import { toStatus } from "./status.js";
import { ALPN, provenPeer, secureOptions } from "./tls.js";
import { widenConnections, widenStreams } from "./windows.js";

/** From accept to the end of the handshake, in milliseconds: a slow path needs one, a silent socket gets no more. */
const HANDSHAKE_TIMEOUT_MS = 5_000;
/** Unfinished handshakes at once. Beyond, the oldest is dropped: honest ones take milliseconds. */
const HANDSHAKES_MAX = 256;
/** Connections at once, about 100 KB each. */
const CONNECTIONS_MAX = 4_096;
/** Calls and duplexes at once on one connection. */
const STREAMS_PER_CONNECTION_MAX = 128;

/** See Transport.listen. */
export async function listen(own: TransportOptions, options: ListenOptions): Promise<Listener> {
  const listener = new GrpcListener(own, options);
  await listener.bind(options.host, options.port);
  return listener;
}

class GrpcListener implements Listener {
  readonly #own: TransportOptions;
  readonly #handlers: ListenOptions["handlers"];
  readonly #tls: TlsServer;
  readonly #grpc: Server;
  readonly #injector: ConnectionInjector;
  readonly #connections = new Connections();
  readonly #handshakes = new Set<Socket>();
  readonly #running = new Set<Promise<void>>();
  #identity: Identity;

  constructor(own: TransportOptions, { handlers }: ListenOptions) {
    this.#own = own;
    this.#handlers = handlers;
    this.#identity = own.identity();
    this.#tls = this.#tlsServer();
    this.#grpc = this.#grpcServer();
    // To gRPC these connections are plain: TLS is done already.
    widenStreams(this.#grpc);
    this.#injector = this.#grpc.createConnectionInjector(ServerCredentials.createInsecure());
    widenConnections(this.#grpc);
  }

  get host(): string {
    return this.#address.address;
  }

  get port(): number {
    return this.#address.port;
  }

  #address: AddressInfo = { address: "", port: 0, family: "" };

  async bind(host: string, port: number): Promise<void> {
    try {
      this.#tls.listen({ host, port });
      await once(this.#tls, "listening");
    } catch (cause) {
      this.#grpc.forceShutdown();
      throw bindFailure(host, port, cause);
    }
    this.#tls.on("error", () => {}); // Out of descriptors, for one: the next accept may work again.
    this.#address = this.#tls.address() as AddressInfo;
  }

  recheck(): void {
    for (const connection of [...this.#connections]) {
      if (this.#refusal(connection) !== undefined) connection.socket.destroy();
    }
  }

  async close(graceMs: number): Promise<void> {
    const closed = new Promise((resolve) => this.#tls.close(resolve));
    for (const socket of this.#handshakes) socket.destroy();
    for (const { duplexes } of this.#connections)
      for (const duplex of duplexes) duplex.destroy(new FirefliesError("link-closed"));
    await withDeadline({ timeoutMs: graceMs }, () => Promise.allSettled(this.#running)).catch(() => {});
    this.#grpc.forceShutdown();
    for (const { socket } of [...this.#connections]) socket.destroy();
    await closed;
  }

  #tlsServer(): TlsServer {
    const server = createServer({
      ...secureOptions(this.#identity),
      ALPNProtocols: [ALPN],
      requestCert: true,
      rejectUnauthorized: false, // `provenPeer` judges, by rules that OpenSSL does not know (tls.ts).
      handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
    });
    server.maxConnections = CONNECTIONS_MAX;
    server.prependListener("connection", (socket: Socket) => this.#onConnection(socket));
    server.on("secureConnection", (socket) => this.#onSecure(socket));
    server.on("tlsClientError", (_error, socket) => socket.destroy());
    return server;
  }

  #grpcServer(): Server {
    const server = new Server({
      ...KEEPALIVE_OPTIONS,
      "grpc.max_concurrent_streams": STREAMS_PER_CONNECTION_MAX,
      "grpc.max_receive_message_length": WIRE_BYTES_MAX,
      "grpc.max_send_message_length": WIRE_BYTES_MAX,
      "grpc.enable_channelz": 0,
      interceptors: [peerInterceptor(this.#connections)],
    });
    server.addService(
      { ...CALLS, ...DUPLEXES },
      {
        exchange: this.#unary("exchange"),
        probe: this.#unary("probe"),
        messages: this.#bidi("messages"),
        stream: this.#bidi("stream"),
      },
    );
    return server;
  }

  #onConnection(socket: Socket): void {
    this.#useRenewedIdentity();
    socket.setNoDelay(true);
    socket.on("error", () => {}); // "close" follows.
    this.#handshakes.add(socket);
    socket.once("close", () => this.#handshakes.delete(socket));
    const [oldest] = this.#handshakes;
    if (this.#handshakes.size > HANDSHAKES_MAX) oldest?.destroy();
  }

  #useRenewedIdentity(): void {
    const identity = this.#own.identity();
    if (identity === this.#identity) return;
    this.#identity = identity;
    this.#tls.setSecureContext(secureOptions(identity));
  }

  #onSecure(socket: TLSSocket): void {
    socket.on("error", () => {}); // "close" follows.
    for (const raw of this.#handshakes) if (sameEnds(raw, socket)) this.#handshakes.delete(raw);
    const peer = provenPeer(socket, this.#own);
    // Who is revoked would only hold a connection on which every call is refused.
    if (peer instanceof FirefliesError || refusalOf(peer, this.#handlers, this.#own) !== undefined) {
      socket.destroy();
      return;
    }
    this.#connections.add({ peer, socket, duplexes: new Set() });
    this.#injector.injectConnection(socket);
  }

  #unary(kind: CallKind) {
    return (call: ServerUnaryCall<Uint8Array, Uint8Array>, callback: sendUnaryData<Uint8Array>): void => {
      const running = this.#answer(kind, call).then(
        (answer) => callback(null, answer),
        (error: FirefliesError) => callback(toStatus(error)),
      );
      this.#running.add(running);
      running.finally(() => this.#running.delete(running));
    };
  }

  async #answer(kind: CallKind, call: ServerUnaryCall<Uint8Array, Uint8Array>): Promise<Uint8Array> {
    const connection = this.#connections.get(call.getPeer());
    const refused = this.#refusal(connection);
    if (connection === undefined || refused !== undefined) throw refused;
    const controller = new AbortController();
    call.on("cancelled", () => controller.abort());
    return await answerCall(this.#handlers, connection.peer, kind, call.request, controller.signal);
  }

  #bidi(kind: DuplexKind) {
    return (call: ServerDuplexStream<Piece, Piece>): void => {
      const connection = this.#connections.get(call.getPeer());
      const refused = this.#refusal(connection);
      if (connection === undefined || refused !== undefined) call.emit("error", toStatus(refused!));
      else this.#openDuplex(kind, call, connection);
    };
  }

  #openDuplex(kind: DuplexKind, call: ServerDuplexStream<Piece, Piece>, { peer, socket, duplexes }: Connection): void {
    const duplex: ByteDuplex = new CalledDuplex(call, DUPLEX_BYTES_MAX[kind], () => socket.destroyed);
    duplexes.add(duplex);
    duplex.once("close", () => duplexes.delete(duplex));
    contained(() => this.#handlers.onDuplex(peer, kind, duplex), duplex);
  }

  /** A connection that is gone from the table was cut: its calls are nobody's. */
  #refusal(connection: Connection | undefined): FirefliesError | undefined {
    if (connection === undefined) return new FirefliesError("link-closed");
    return refusalOf(connection.peer, this.#handlers, this.#own);
  }
}

function sameEnds(a: Socket, b: Socket): boolean {
  return a.remotePort === b.remotePort && a.remoteAddress === b.remoteAddress && a.localAddress === b.localAddress;
}

const TAKEN = new Set(["EADDRINUSE", "EACCES", "EPERM"]);

function bindFailure(host: string, port: number, cause: unknown): FirefliesError {
  const address = formatAddress(host, port);
  const reason = (cause as NodeJS.ErrnoException)?.code ?? String(cause);
  if (TAKEN.has(reason)) {
    return new FirefliesError(
      "address-in-use",
      `${address} is in use or not allowed (${reason}). Choose another port, or 0.`,
      { cause },
    );
  }
  return new FirefliesError(
    "address-invalid",
    `Cannot listen on ${address} (${reason}). Give an address of this host.`,
    { cause },
  );
}
