/** What the calls of the API are given, and the connections that are taken away from HTTP. */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { AgentHost } from "./host.js";

/** A connection that its caller wants for something else than HTTP. */
export interface Upgrade {
  readonly socket: Socket;
  readonly head: Buffer;
}

export interface AppParts {
  readonly host: AgentHost;
  /** Fires when the agent ends. */
  readonly closing: AbortSignal;
  /** Of this request; undefined for one that asks for no upgrade. */
  readonly upgradeOf: (request: IncomingMessage) => Upgrade | undefined;
}

/** Away from HTTP: the caller's connection, after the answer 101. */
export function taken({ socket, head }: Upgrade, response: ServerResponse, protocol: string): Socket {
  response.detachSocket(socket);
  socket.write(`HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: ${protocol}\r\n\r\n`);
  if (head.length > 0) socket.unshift(head);
  return socket;
}
