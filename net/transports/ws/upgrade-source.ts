/** Where upgrades to WebSocket come from. Apart from what takes them: its declarations need no package. */
import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";

export type OnUpgrade = (request: IncomingMessage, socket: Duplex, head: Buffer) => void;

/**
 * What says that somebody wants to upgrade: an http.Server, or an EventEmitter of the program's for a framework that has a
 * handler of upgrades of its own (`emitter.emit("upgrade", request, socket, head)`).
 */
export interface UpgradeSource {
  on(event: "upgrade", listener: OnUpgrade): unknown;
  off(event: "upgrade", listener: OnUpgrade): unknown;
  listenerCount(event: "upgrade"): number;
  /** Where it listens, if it does: what is advertised when nothing else is. */
  address?(): unknown;
}

/** A source of upgrades, or what has one by the name of `server`, as a fastify app. */
export type WsServer = UpgradeSource | { readonly server: UpgradeSource };
