/**
 * The two ports of an attempt. P connects: to the rendezvous and to the peer, so a NAT shows both the same outer port. L
 * listens all the time. It is another one, because Node.js connects from no port that it listens at (EADDRINUSE); it does
 * connect several times from one port, and then listens there until the next dial: for all but a quarter of a millisecond.
 */
import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";
import type { IpPort } from "../wire/addresses.js";
import { formatIp } from "../wire/ip.js";

const ANY4 = "0.0.0.0";
const ANY6 = "::";
/** Connections that came in and have not said yet what they are. */
const BACKLOG = 32;

/** The first connection of P, which chooses it: the system binds to any free port that may be bound to again. */
export function connectFirst(host: string, port: number, family: 4 | 6): Socket {
  const localAddress = family === 4 ? ANY4 : ANY6;
  return connect({ host, port, family, localAddress, localPort: 0, allowHalfOpen: true });
}

/** A further one from P. */
export function connectFrom(localPort: number, { ip, port }: IpPort): Socket {
  const localAddress = ip.family === 4 ? ANY4 : ANY6;
  return connect({ host: formatIp(ip), port, family: ip.family, localAddress, localPort, allowHalfOpen: true });
}

/**
 * Listens at a port, 0 for any, dual stack, or IPv4 where there is no IPv6: without a turn in which nobody listens there. What
 * goes wrong is told by "error" and ignored here: the other way of two is left then.
 */
export function listenNow(at: number, onSocket: (socket: Socket) => void): Server {
  const server = createServer({ allowHalfOpen: true }, onSocket).on("error", () => {});
  server.maxConnections = BACKLOG;
  return server.listen({ port: at, backlog: BACKLOG });
}

/** Rejects when it cannot listen. */
export async function listening(server: Server): Promise<Server> {
  if (!server.listening) await once(server, "listening");
  return server;
}

export function portOf(server: Server): number {
  const address = server.address();
  return typeof address === "object" && address !== null ? address.port : 0;
}

/** Dials bind in the next tick of the program, and must have done so before anybody listens at their port. */
export function dialsAreBound(): Promise<void> {
  return new Promise((resolve) => {
    process.nextTick(resolve);
  });
}
