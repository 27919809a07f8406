/** How much the other side may send ahead of its reader: HTTP/2's own 64 KiB let a stream wait more than it moves. */
import type { Http2Server } from "node:http2";
import type { Server } from "@grpc/grpc-js";

/** For each stream, bytes; held only where a reader has stopped. */
export const STREAM_WINDOW_BYTES = 1024 * 1024;

interface Inside {
  readonly commonServerOptions?: { settings?: { readonly initialWindowSize?: number } };
  readonly http2Servers?: Map<Http2Server, unknown>;
}

/**
 * Gives a listening end the windows that a dialling one has by an option; grpc-js has none for servers, so they are set
 * where it keeps its own settings. Should it keep them elsewhere one day, streams are slower and all else is as before.
 * To be called before the server has anything to listen with.
 */
export function widenStreams(server: Server): void {
  const { commonServerOptions: options } = server as unknown as Inside;
  if (options !== undefined) options.settings = { ...options.settings, initialWindowSize: STREAM_WINDOW_BYTES };
}

/** The same for all streams of a connection together, once the server can take connections. */
export function widenConnections(server: Server): void {
  const { http2Servers = new Map<Http2Server, unknown>() } = server as unknown as Inside;
  for (const http2 of http2Servers.keys()) {
    http2.on("session", (session) => session.setLocalWindowSize(STREAM_WINDOW_BYTES));
  }
}
