/** A TCP proxy that can stop forwarding on an open connection, count what passes, and reset it. */
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { type Address, resetNow } from "../../net/index.js";

/** Seen from the one who dials. */
export type Way = "up" | "down";

export class TcpProxy {
  readonly #server: Server;
  readonly #pairs = new Set<{ readonly client: Socket; readonly server: Socket }>();
  readonly #stalled = new Set<Way>();
  /** Bytes that have passed, both ways. */
  bytes = 0;
  /** Bytes that pass up in a second, over each connection that begins from now on. */
  upRate = Number.POSITIVE_INFINITY;
  /** Changes a bit of everything that passes. */
  corrupt = false;

  private constructor(server: Server) {
    this.#server = server;
  }

  static async to({ host, port }: Address): Promise<TcpProxy> {
    const server = createServer({ allowHalfOpen: true, noDelay: true });
    const proxy = new TcpProxy(server);
    server.on("connection", (client) =>
      proxy.#join(client, connect({ host, port, allowHalfOpen: true, noDelay: true })),
    );
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return proxy;
  }

  get address(): Address {
    return { scheme: "tcp", host: "127.0.0.1", port: (this.#server.address() as { port: number }).port };
  }

  /** From now on nothing passes this way on any connection, those to come among them, and none is closed. */
  stall(...ways: readonly Way[]): void {
    for (const way of ways) this.#stalled.add(way);
    for (const pair of this.#pairs) for (const way of ways) (way === "up" ? pair.client : pair.server).pause();
  }

  /** Nothing passes any more on the connections that are open, and none is closed; new ones are as before. */
  silence(): void {
    for (const { client, server } of this.#pairs)
      for (const socket of [client, server]) socket.removeAllListeners("data").removeAllListeners("drain").pause();
  }

  /** What has waited passes now. */
  flow(): void {
    this.#stalled.clear();
    for (const { client, server } of this.#pairs) for (const socket of [client, server]) socket.resume();
  }

  /** RST on both sides of every connection. */
  reset(): void {
    for (const { client, server } of this.#pairs) for (const socket of [client, server]) resetNow(socket);
  }

  async close(): Promise<void> {
    for (const { client, server } of this.#pairs) for (const socket of [client, server]) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #join(client: Socket, server: Socket): void {
    const pair = { client, server };
    this.#pairs.add(pair);
    this.#forward(client, server, "up");
    this.#forward(server, client, "down");
  }

  /** Reads nothing for as long as these bytes take. */
  #rest(from: Socket, bytes: number): void {
    from.pause();
    setTimeout(
      () => {
        if (!this.#stalled.has("up")) from.resume();
      },
      (bytes / this.upRate) * 1_000,
    );
  }

  #forward(from: Socket, to: Socket, way: Way): void {
    from.on("data", (chunk: Buffer) => {
      this.bytes += chunk.length;
      if (this.corrupt) chunk[chunk.length - 1]! ^= 1;
      if (!to.write(chunk)) from.pause();
      if (way === "up" && this.upRate < Number.POSITIVE_INFINITY) this.#rest(from, chunk.length);
    });
    to.on("drain", () => {
      if (!this.#stalled.has(way) && this.upRate === Number.POSITIVE_INFINITY) from.resume();
    });
    from.on("end", () => to.end());
    from.on("error", () => {}); // "close" follows.
    from.on("close", () => {
      to.destroy();
      for (const pair of this.#pairs) if (pair.client === from || pair.server === from) this.#pairs.delete(pair);
    });
    if (this.#stalled.has(way)) from.pause();
  }
}

/** A port that nobody listens at now. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
