/** A UDP socket of udx-native's: it carries datagrams, and reliable streams beside them. */
import { isIPv4, isIPv6 } from "node:net";
import type { HostPort } from "../address.js";
import type { DatagramCarrier } from "./carrier.js";
import { udpBindFailure } from "./plain.js";
import { loadUdx, type Udx, type UdxAddress, type UdxSocket, type UdxStream } from "./udx-native.js";

export class NativeSocket implements DatagramCarrier {
  readonly #udx: Udx;
  readonly #socket: UdxSocket;
  readonly local: HostPort;
  #listener: (bytes: Uint8Array, from: HostPort) => void = () => {};
  #closing: Promise<void> | undefined;

  private constructor(udx: Udx, socket: UdxSocket, local: HostPort) {
    this.#udx = udx;
    this.#socket = socket;
    this.local = local;
    socket.on("message", (bytes: Uint8Array, { host, port }: UdxAddress) => {
      if (this.#closing === undefined) this.#listener(bytes, { host, port });
    });
    socket.on("error", () => {});
  }

  /** As `PlainSocket.bind`, for an IP address; undefined when the package is not there. */
  static async bind({ host, port }: HostPort): Promise<NativeSocket | undefined> {
    const Constructor = await loadUdx();
    if (Constructor === undefined) return undefined;
    const udx = new Constructor();
    const socket = udx.createSocket();
    try {
      socket.bind(port, host);
    } catch (cause) {
      await socket.close();
      throw udpBindFailure({ host, port }, cause);
    }
    return new NativeSocket(udx, socket, { host, port: socket.address()?.port ?? port });
  }

  send(datagram: Uint8Array, { host, port }: HostPort): void {
    if (this.#closing !== undefined || !this.reaches({ host, port })) return;
    this.#socket.trySend(datagram, port, host);
  }

  onDatagram(listener: (bytes: Uint8Array, from: HostPort) => void): void {
    this.#listener = listener;
  }

  /** Whether this socket can send there: its family, a port, an IP address. */
  reaches({ host, port }: HostPort): boolean {
    return port > 0 && (isIPv4(host) || (isIPv6(host) && isIPv6(this.local.host)));
  }

  /** A stream by an id of ours, which no other has. What comes for it waits until it is connected. */
  reserve(id: number): UdxStream {
    return this.#udx.createStream(id, { firewall: () => this.#closing !== undefined });
  }

  connect(stream: UdxStream, remoteId: number, { host, port }: HostPort): void {
    stream.connect(this.#socket, remoteId, port, host);
  }

  /** Datagrams end now; the handle is gone once the last stream is. */
  close(): Promise<void> {
    this.#closing ??= this.#socket.close();
    return this.#closing;
  }
}
