/** UDP sockets of this machine, for targets and listeners. */
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { isIP } from "node:net";
import { FirefliesError } from "../../../identity/index.js";
import { formatServiceAddress, type InternetAddress } from "../../service-address.js";

/** Sends to the target alone, and hears it alone. Rejects with "target-unreachable". */
export async function connectedTo({ host, port, family }: InternetAddress): Promise<Socket> {
  const socket = createSocket(typeOf(host, family));
  try {
    socket.connect(port, host);
    await once(socket, "connect");
    socket.on("error", () => {}); // Nobody listens there now: datagrams get lost.
    return socket;
  } catch (cause) {
    socket.close();
    throw new FirefliesError("target-unreachable", "The target of the forward cannot be reached.", { cause });
  }
}

/** Rejects with "address-in-use" or "address-invalid". */
export async function boundTo(at: InternetAddress): Promise<Socket> {
  const socket = createSocket(typeOf(at.host, at.family));
  try {
    socket.bind(at.port, at.host);
    await once(socket, "listening");
    socket.on("error", () => {}); // Of one datagram that could not be sent.
    return socket;
  } catch (cause) {
    socket.close();
    const where = formatServiceAddress(at);
    const isTaken = (cause as NodeJS.ErrnoException).code === "EADDRINUSE";
    if (isTaken) throw new FirefliesError("address-in-use", `${where} is in use.`, { cause });
    throw new FirefliesError("address-invalid", `${where} cannot be listened at.`, {
      advice: "Choose an address of this machine, and a port that this user may use.",
      cause,
    });
  }
}

/** Closed twice it would throw. */
export function closed(socket: Socket): void {
  try {
    socket.close();
  } catch {
    // It is.
  }
}

function typeOf(host: string, family: 4 | 6 | undefined): "udp4" | "udp6" {
  return family === 6 || isIP(host) === 6 ? "udp6" : "udp4";
}
