/** TCP: connections of the system, without delay for small writes. */
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import { setImmediate as turn } from "node:timers/promises";
import { FirefliesError } from "../../identity/index.js";
import { sortConnection } from "../../rdv/server/first-bytes.js";
import { onAbort } from "../abort.js";
import { type Address, formatAddress, formatHostPort } from "../address.js";
import { DialError, type DialReason } from "./dial-error.js";
import { type ConnectionGate, GATED } from "./gate.js";
import type { OutPort } from "./out-port.js";
import type { Bound, DialTarget, ListenAddress, Transport } from "./transport.js";

/** Connections that the kernel holds until they are accepted; it takes less if its own limit is lower. */
const BACKLOG = 4_096;
/** Small writes leave at once, and the end of one direction leaves the other open. */
const SOCKET = { noDelay: true, allowHalfOpen: true } as const;

/** What shares the ports of TCP, and who may come in. */
export interface TcpOptions {
  /**
   * Who may hold connections that are not proven yet; without one everybody may. A connection is then handed over once
   * the dialler's first bytes have come, so the dialler must speak first.
   */
  readonly gate?: ConnectionGate | undefined;
  /** What takes connections that begin with DIAL or ACCEPT, now: a rendezvous server on the same port. Undefined for none. */
  readonly rendezvous?: (() => ((socket: Socket) => void) | undefined) | undefined;
  /** Where dials come from; any port without one, and where it cannot be used. */
  readonly out?: OutPort | undefined;
}

/** Connections of the system: what a client uses unless it is told otherwise. */
export function tcpTransport({ gate, out, rendezvous }: TcpOptions = {}): Transport {
  return {
    scheme: "tcp",
    dial: (to, target) => (out ? dialFrom(out, to, target) : dialTcp(to, target)),
    listen: (at, onConnection) => listenTcp(at, { gate, rendezvous }, onConnection),
  };
}

/** That cannot be bound, or is bound to the same place already. */
const NOT_FROM_THERE = new Set(["EADDRINUSE", "EADDRNOTAVAIL"]);

async function dialFrom(out: OutPort, to: Address, target: Pick<DialTarget, "signal">): Promise<Socket> {
  const localPort = await out.port();
  const place = formatAddress(to);
  try {
    const socket = await dialTcp(to, target, localPort);
    out.dialled(place, localPort !== undefined);
    return socket;
  } catch (error) {
    if (localPort === undefined || !NOT_FROM_THERE.has(codeOf((error as DialError).cause))) throw error;
    // In use by another program's listener, or there is a connection to this place already: any other port serves.
    if (codeOf((error as DialError).cause) === "EADDRINUSE") out.lost(localPort);
    out.dialled(place, false);
    return await dialTcp(to, target);
  }
}

/** A connection of the system. Rejects with a DialError. */
export function dialTcp(to: Address, { signal }: Pick<DialTarget, "signal">, localPort?: number): Promise<Socket> {
  const address = formatAddress(to);
  if (signal.aborted) return Promise.reject(new DialError("cancelled", address));
  return new Promise((resolve, reject) => {
    const socket = cutWhenDestroyed(
      connect({ host: to.host, port: to.port, ...SOCKET, ...(localPort && { localPort }) }),
    );
    const settle = (error?: DialError) => {
      unwatch();
      socket.removeListener("connect", connected);
      socket.removeListener("error", failed);
      socket.on("error", () => {}); // "close" follows.
      if (error === undefined) return resolve(socket);
      socket.destroy();
      reject(error);
    };
    const connected = () => settle(isToItself(socket) ? new DialError("refused", address) : undefined);
    const failed = (cause: Error) => settle(new DialError(reasonOf(cause), address, { cause, detail: codeOf(cause) }));
    const unwatch = onAbort(signal, () => settle(new DialError("cancelled", address)));
    socket.once("connect", connected);
    socket.once("error", failed);
  });
}

/**
 * What is destroyed before its own end is cut: the other side gets RST, since FIN would say that the end came in order.
 * Never before the other side has certainly connected, since to it a reset is a refusal, which is evidence.
 * `resetAndDestroy` would first wait until all is written, which never is when the other side does not read; this is the
 * mark that it sets.
 */
function cutWhenDestroyed(socket: Socket, isConnected = () => !socket.connecting): Socket {
  const destroy = socket._destroy.bind(socket);
  socket._destroy = (error, done) => {
    if (!socket.writableEnded && isConnected()) Object.assign(socket, { resetAndClosing: true });
    destroy(error, done);
  };
  return socket;
}

/**
 * The other side gets RST, whatever was under way. While an end is on its way to the system Node refuses a reset, and then never
 * closes the descriptor (20 to 24): all that was written is with the system, and the end says that no more comes.
 */
export function resetNow(socket: Socket): void {
  const isEnding = socket.writableEnded && !socket.writableFinished && socket.writableLength === 0;
  if (isEnding) socket.destroy();
  else socket.resetAndDestroy();
}

/** RFC 9293, section 3.5: who dials a port of its own host may get it as its own port, and then finds itself there. */
function isToItself({ localAddress, localPort, remoteAddress, remotePort }: Socket): boolean {
  return localPort === remotePort && localAddress === remoteAddress;
}

const REASONS: Readonly<Record<string, DialReason>> = {
  ECONNREFUSED: "refused",
  ECONNRESET: "refused",
  ETIMEDOUT: "timeout",
  // What this process or host has run out of says nothing about the other side.
  EMFILE: "local",
  ENFILE: "local",
  ENOBUFS: "local",
  ENOMEM: "local",
  EAGAIN: "local",
  EADDRINUSE: "local",
  EADDRNOTAVAIL: "local",
};

/** Why connecting failed; what is not known is no route: no evidence, and remembered. */
export function reasonOf(cause: unknown): DialReason {
  return REASONS[codeOf(cause)] ?? "no-route";
}

function codeOf(cause: unknown): string {
  return (cause as NodeJS.ErrnoException | undefined)?.code ?? String(cause);
}

async function listenTcp(
  at: ListenAddress,
  { gate, rendezvous }: TcpOptions,
  onConnection: (connection: Duplex, from: Address) => void,
): Promise<Bound> {
  return await listenGated(at, "tcp", gate, (socket, from, handOver) => {
    const hand = () => {
      handOver();
      onConnection(
        cutWhenDestroyed(socket, () => socket.bytesRead > 0),
        from,
      );
    };
    const meet = rendezvous?.();
    if (meet === undefined) return hand();
    sortConnection(socket, (isMeeting) => {
      if (isMeeting === false) return hand();
      handOver();
      if (isMeeting) meet(socket);
    });
  });
}

/**
 * Listens, and begins with each connection when the gate lets it in. Until `handOver` is called it belongs to the
 * listener, which destroys it when it closes. Rejects with "address-in-use" or "address-invalid".
 */
export async function listenGated(
  { host, port, path }: ListenAddress,
  scheme: string,
  gate: ConnectionGate | undefined,
  begin: (socket: Socket, from: Address, handOver: () => void) => void,
): Promise<Bound> {
  const waiting = new Set<Socket>();
  const server = createServer({ ...SOCKET, ...(gate && GATED) }, (socket) => {
    socket.on("error", () => {}); // "close" follows.
    const from = remoteOf(socket, scheme);
    if (from === undefined) {
      socket.destroy();
      return;
    }
    waiting.add(socket);
    const handOver = () => waiting.delete(socket);
    socket.once("close", handOver);
    if (gate === undefined) begin(socket, from, handOver);
    else gate.enter(socket, from.host, () => begin(socket, from, handOver));
  });
  const { address, port: chosen } = await bind(server, host, port);
  const place = { scheme, host: address, port: chosen };
  const close = async () => {
    for (const socket of waiting) socket.destroy();
    await stopListening(server);
  };
  return { address: path === undefined ? place : { ...place, path }, close };
}

async function bind(server: Server, host: string, port: number): Promise<AddressInfo> {
  try {
    server.listen({ host, port, backlog: BACKLOG });
    await once(server, "listening");
  } catch (cause) {
    throw bindFailure(host, port, cause);
  }
  server.on("error", () => {}); // Out of descriptors, for one: the next accept may work again.
  return server.address() as AddressInfo;
}

/** The listening socket is gone two turns of the loop later; "close" of the server would wait for its connections. */
async function stopListening(server: Server): Promise<void> {
  if (server.listening) server.close();
  await turn();
  await turn();
}

/** Where a connection comes from; undefined when it is gone already. IPv4 is written as IPv4. */
function remoteOf({ remoteAddress, remotePort }: Socket, scheme: string): Address | undefined {
  if (remoteAddress === undefined || remotePort === undefined) return undefined;
  return { scheme, host: remoteAddress.replace(/^::ffff:(?=\d+\.)/i, ""), port: remotePort };
}

const TAKEN = new Set(["EADDRINUSE", "EACCES", "EPERM"]);

/** "address-in-use" or "address-invalid". */
function bindFailure(host: string, port: number, cause: unknown): FirefliesError {
  const address = formatHostPort(host, port);
  const reason = codeOf(cause);
  const isTaken = TAKEN.has(reason);
  const text = isTaken
    ? `${address} is in use or not allowed (${reason}).`
    : `Cannot listen on ${address} (${reason}).`;
  const advice = isTaken ? undefined : "Give an address of this host.";
  return new FirefliesError(isTaken ? "address-in-use" : "address-invalid", text, { cause, advice });
}
