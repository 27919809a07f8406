/**
 * The two ports of an attempt. P connects: to the rendezvous and to the peer, so a NAT shows both the same outer port. L
 * listens all the time. It is another one, because Node.js connects from no port that it listens at (EADDRINUSE); it does
 * connect several times from one port, and then listens there until the next dial.
 */
import { connect, createServer, type Server, type Socket } from "node:net";
import { setImmediate as turn } from "node:timers/promises";
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

/** At a port, 0 for any: dual stack, or IPv4 where there is no IPv6. Rejects where neither can be. */
export async function listenAnywhere(
  at: number,
  onSocket: (socket: Socket) => void,
): Promise<{ port: number; server: Server }> {
  const server = createServer({ allowHalfOpen: true }, onSocket).on("error", () => {});
  server.maxConnections = BACKLOG;
  await listen(server, ANY6, at).catch(() => listen(server, ANY4, at));
  const address = server.address();
  return { server, port: typeof address === "object" && address !== null ? address.port : 0 };
}

/** The system lets go of the port in the turns after; until then nothing connects from it. */
export async function unlisten(server: Server): Promise<void> {
  server.close();
  await turn();
  await turn();
}

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ host, port, backlog: BACKLOG }, () => {
      server.off("error", reject);
      resolve();
    });
  });
}
