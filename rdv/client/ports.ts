/**
 * The two ports of an attempt. P only connects: to the rendezvous and to the peer, so a NAT shows both the same outer
 * port. L listens. It is another one, because the system does not connect from a port that it listens at
 * (EADDRINUSE); it does connect several times from one port at which nobody listens.
 */
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

/** L: dual stack, or IPv4 where there is no IPv6. */
export async function listenAnywhere(onSocket: (socket: Socket) => void): Promise<{ port: number; server: Server }> {
  const server = createServer({ allowHalfOpen: true }, onSocket).on("error", () => {});
  server.maxConnections = BACKLOG;
  await listen(server, ANY6).catch(() => listen(server, ANY4));
  const address = server.address();
  return { server, port: typeof address === "object" && address !== null ? address.port : 0 };
}

function listen(server: Server, host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ host, port: 0, backlog: BACKLOG }, () => {
      server.off("error", reject);
      resolve();
    });
  });
}
