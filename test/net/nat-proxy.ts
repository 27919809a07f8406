/** A NAT in Node: one inside, its datagrams leave through a port that can be forgotten and chosen anew. */
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import type { HostPort } from "../../net/index.js";

export class NatProxy {
  /** Where those inside send to. */
  readonly inside: HostPort;
  readonly #inside: Socket;
  readonly #to: HostPort;
  /** By the port inside: the socket whose port it has outside. */
  readonly #mappings = new Map<number, Socket>();
  #last = 0;
  /** Datagrams that are lost, by choice of the test. */
  drops: (bytes: Buffer, direction: "out" | "in") => boolean = () => false;

  private constructor(inside: Socket, to: HostPort) {
    this.#inside = inside;
    this.#to = to;
    this.inside = { host: "127.0.0.1", port: inside.address().port };
    inside.on("message", (bytes, { port }) => void this.#leave(bytes, port));
  }

  /** Before `to`, for those who dial `inside`. */
  static async before(to: HostPort): Promise<NatProxy> {
    return new NatProxy(await bound(), to);
  }

  /** Where those outside see the one inside that sent last. */
  get outside(): HostPort {
    return { host: "127.0.0.1", port: this.#mappings.get(this.#last)?.address().port ?? 0 };
  }

  /** Forgets its mappings: what comes to an old port is lost, and what leaves comes from another one. */
  async rebind(): Promise<void> {
    for (const [client, old] of this.#mappings) {
      const next = await bound();
      old.close();
      this.#map(client, next);
    }
  }

  close(): void {
    this.#inside.close();
    for (const socket of this.#mappings.values()) socket.close();
  }

  async #leave(bytes: Buffer, client: number): Promise<void> {
    this.#last = client;
    if (!this.#mappings.has(client)) {
      const socket = await bound();
      if (this.#mappings.has(client)) socket.close();
      else this.#map(client, socket);
    }
    if (!this.drops(bytes, "out")) this.#mappings.get(client)?.send(bytes, this.#to.port, this.#to.host);
  }

  #map(client: number, socket: Socket): void {
    this.#mappings.set(client, socket);
    socket.on("message", (bytes) => {
      if (!this.drops(bytes, "in")) this.#inside.send(bytes, client, "127.0.0.1");
    });
  }
}

async function bound(): Promise<Socket> {
  const socket = createSocket({ type: "udp4", recvBufferSize: 4 * 1024 * 1024 }).bind(0, "127.0.0.1");
  await once(socket, "listening");
  return socket;
}
