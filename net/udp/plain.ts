/** A UDP socket of Node's: what every member has. It carries datagrams and no streams. */
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { isIPv4, isIPv6 } from "node:net";
import { FirefliesError } from "../../identity/index.js";
import { formatHostPort, type HostPort } from "../address.js";
import type { DatagramCarrier } from "./carrier.js";

export class PlainSocket implements DatagramCarrier {
  readonly #socket: Socket;
  readonly #isIPv6: boolean;
  #listener: (bytes: Uint8Array, from: HostPort) => void = () => {};
  #closed = false;

  private constructor(socket: Socket) {
    this.#socket = socket;
    this.#isIPv6 = socket.address().family === "IPv6";
    socket.on("message", (bytes, { address, port }) => {
      if (!this.#closed) this.#listener(bytes, { host: unmapped(address), port });
    });
    socket.on("error", () => {}); // A send that failed is a datagram that was lost.
  }

  /**
   * `host` is an address of this host, or "::" or "0.0.0.0"; a name is looked up by the system. Port 0 is any free one.
   * Rejects with "address-in-use" or "address-invalid".
   */
  static async bind({ host, port }: HostPort): Promise<PlainSocket> {
    const socket = createSocket({ type: isIPv6(host) ? "udp6" : "udp4" });
    try {
      socket.bind({ address: host, port, exclusive: true });
      await once(socket, "listening");
    } catch (cause) {
      socket.close();
      throw udpBindFailure({ host, port }, cause);
    }
    return new PlainSocket(socket);
  }

  get local(): HostPort {
    const { address: host, port } = this.#socket.address();
    return { host, port };
  }

  send(datagram: Uint8Array, { host, port }: HostPort): void {
    if (this.#closed) return;
    try {
      this.#socket.send(datagram, port, this.#reachable(host), () => {});
    } catch {
      // An address that the system refuses outright (port 0, other family): as good as lost.
    }
  }

  onDatagram(listener: (bytes: Uint8Array, from: HostPort) => void): void {
    this.#listener = listener;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#socket.close();
  }

  /** An IPv6 socket writes IPv4 addresses mapped. */
  #reachable(host: string): string {
    return this.#isIPv6 && isIPv4(host) ? `::ffff:${host}` : host;
  }
}

/** An IPv4 address that an IPv6 socket reports mapped, as IPv4. */
function unmapped(host: string): string {
  return host.replace(/^::ffff:(?=\d+\.)/i, "");
}

/** "address-in-use" or "address-invalid". */
export function udpBindFailure({ host, port }: HostPort, cause: unknown): FirefliesError {
  const address = formatHostPort(host, port);
  const reason = (cause as NodeJS.ErrnoException)?.code ?? String(cause);
  const taken = reason === "EADDRINUSE" || reason === "EACCES";
  return taken
    ? new FirefliesError("address-in-use", `UDP ${address} is in use or not allowed (${reason}).`, { cause })
    : new FirefliesError("address-invalid", `Cannot bind UDP ${address} (${reason}).`, {
        advice: "Give an address of this host.",
        cause,
      });
}
