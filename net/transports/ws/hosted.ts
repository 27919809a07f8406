/**
 * WebSockets of members on an HTTP server of the program's: `http.Server`, `https.Server`, a fastify app. Only its upgrades
 * at our path are taken; all else is answered as before.
 */
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { WebSocketServer } from "ws";
import type { Address } from "../../address.js";
import type { Bound } from "../transport.js";
import { WebSocketDuplex } from "./duplex.js";
import type { OnUpgrade, UpgradeSource, WsServer } from "./upgrade-source.js";

const NOT_FOUND = "HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";

/** Takes upgrades at the path of `at` until it is closed. */
export function attach(
  given: WsServer,
  upgrader: WebSocketServer,
  at: Address,
  onConnection: (connection: Duplex, from: Address) => void,
): Bound {
  const source = "server" in given ? given.server : given;
  const { scheme, path } = at;
  const taken: OnUpgrade = (request, socket, head) => {
    socket.on("error", () => {}); // "close" follows; without it a reset would end the program.
    if (request.url?.split("?", 1)[0] !== path) {
      // Node leaves what is upgraded to those who listen: when nobody else does, it would wait for ever.
      if (source.listenerCount("upgrade") === 1) socket.end(NOT_FOUND);
      return;
    }
    const from = remoteOf(request.socket, scheme);
    upgrader.handleUpgrade(request, socket, head, (ws) => onConnection(new WebSocketDuplex(ws), from));
  };
  source.on("upgrade", taken);
  const close = async () => void source.off("upgrade", taken);
  return { address: { ...at, ...listeningAt(source) }, close };
}

function remoteOf({ remoteAddress = "0.0.0.0", remotePort = 0 }: Socket, scheme: string): Address {
  return { scheme, host: remoteAddress.replace(/^::ffff:(?=\d+\.)/i, ""), port: remotePort };
}

/** Nothing before the server listens, and for a path of the system's. */
function listeningAt(source: UpgradeSource): { readonly host?: string; readonly port?: number } {
  const found = source.address?.();
  if (typeof found !== "object" || found === null || !("port" in found) || !("address" in found)) return {};
  return { host: String(found.address), port: Number(found.port) };
}
