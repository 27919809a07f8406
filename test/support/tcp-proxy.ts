/** A TCP proxy whose path misbehaves: connections that go silent without closing, resets, or nobody behind. */
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";

interface Pair {
  readonly inner: Socket;
  readonly outer: Socket;
}

export class TcpProxy {
  readonly #server: Server;
  readonly #pairs = new Set<Pair>();
  /** Where it forwards to; undefined while it accepts and forwards nothing. */
  target: number | undefined;

  private constructor(server: Server) {
    this.#server = server;
    server.on("connection", (outer) => this.#onConnection(outer));
  }

  static async listen(): Promise<TcpProxy> {
    const server = createServer({ noDelay: true, allowHalfOpen: true });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return new TcpProxy(server);
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Connections that are open now. */
  get connections(): number {
    return this.#pairs.size;
  }

  /** What is open forwards nothing any more, in neither direction, and is not closed; new connections pass. */
  stall(): void {
    for (const { inner, outer } of this.#pairs) {
      for (const socket of [inner, outer]) {
        socket.unpipe();
        socket.pause();
      }
    }
  }

  /** RST on both sides of all that is open. */
  reset(): void {
    for (const { inner, outer } of this.#pairs) {
      inner.resetAndDestroy();
      outer.resetAndDestroy();
    }
  }

  /** Refuses from now on, and cuts what is open. */
  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    for (const { inner, outer } of this.#pairs) {
      inner.destroy();
      outer.destroy();
    }
    await closed;
  }

  #onConnection(outer: Socket): void {
    const inner = connect({ port: this.target ?? 0, host: "127.0.0.1", noDelay: true, allowHalfOpen: true });
    const pair = { inner, outer };
    this.#pairs.add(pair);
    for (const [socket, other] of [
      [inner, outer],
      [outer, inner],
    ] as const) {
      socket.on("error", () => {});
      socket.on("close", () => {
        this.#pairs.delete(pair);
        other.destroy();
      });
      socket.pipe(other);
    }
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
