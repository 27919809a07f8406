/**
 * grpc-js always connects a socket before it asks for a secure connection, and ours has no socket of its own. So it is
 * given an address on loopback to connect to: what connects there is destroyed, and nothing is read.
 */
import { once } from "node:events";
import { type AddressInfo, createServer, type Server } from "node:net";

export class Decoy {
  #server: Server | undefined;
  #opening: Promise<number> | undefined;
  #isClosed = false;

  /** The port on 127.0.0.1; opened when it is first asked for. Rejects when the system has none. */
  port(): Promise<number> {
    this.#opening ??= this.#open().catch((error: unknown) => {
      this.#opening = undefined;
      throw error;
    });
    return this.#opening;
  }

  close(): void {
    this.#isClosed = true;
    this.#server?.close();
  }

  async #open(): Promise<number> {
    const server = createServer((socket) => {
      socket.on("error", () => {}); // "close" follows.
      socket.destroy();
    });
    this.#server = server;
    server.listen({ host: "127.0.0.1", port: 0 });
    server.unref();
    await once(server, "listening");
    server.on("error", () => {}); // Out of descriptors, for one: the next accept may work again.
    if (this.#isClosed) server.close();
    return (server.address() as AddressInfo | null)?.port ?? 0;
  }
}
