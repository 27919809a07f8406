/** The forward's side of UDP: each stream is a flow with a socket of its own, so that answers find their way back. */
import type { Socket } from "node:dgram";
import type { MessageStream } from "../../../client/types.js";
import type { InternetAddress } from "../../service-address.js";
import { asError } from "../carrying/conduit.js";
import { FLOW_AHEAD_BYTES } from "../carrying/limits.js";
import type { Traffic } from "../carrying/traffic.js";
import { closed, connectedTo } from "./sockets.js";

export interface FlowOptions {
  readonly target: InternetAddress;
  /** Milliseconds without a datagram in either direction. */
  readonly idleMs: number;
  readonly traffic: Traffic;
}

/** Resolves when the flow is over. */
export async function carryFlow(stream: MessageStream, { target, idleMs, traffic }: FlowOptions): Promise<void> {
  traffic.began();
  try {
    const socket = await connectedTo(target);
    await exchange(stream, socket, idleMs, traffic);
    traffic.ended(stream.errored === null ? undefined : asError(stream.errored));
  } catch (cause) {
    const error = asError(cause);
    stream.destroy(error);
    traffic.ended(error);
  }
}

function exchange(stream: MessageStream, socket: Socket, idleMs: number, traffic: Traffic): Promise<void> {
  return new Promise((resolve) => {
    const idle = setTimeout(() => stream.destroy(), idleMs).unref();
    const over = () => {
      clearTimeout(idle);
      closed(socket);
      stream.destroy();
      resolve();
    };
    stream.on("data", (datagram: Uint8Array) => {
      idle.refresh();
      traffic.bytesIn += datagram.length;
      socket.send(datagram, () => {}); // What cannot be sent is lost, as any datagram may be.
    });
    socket.on("message", (datagram) => {
      idle.refresh();
      if (stream.destroyed || stream.writableLength > FLOW_AHEAD_BYTES) return;
      traffic.bytesOut += datagram.length;
      stream.write(datagram);
    });
    stream.on("error", () => {}); // "close" follows.
    stream.once("end", over).once("close", over);
    if (stream.destroyed) over();
  });
}
