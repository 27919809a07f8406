/** A socket moved by hand: what a foreign peer would send and read, byte by byte. */
import { once } from "node:events";
import { connect, createServer, type NetConnectOpts, type Server, type Socket } from "node:net";

export class RawSocket {
  readonly socket: Socket;
  readonly #ended: Promise<void>;
  #held = "";
  #wake = () => {};
  #isOver = false;

  constructor(socket: Socket) {
    this.socket = socket;
    socket.setEncoding("latin1").on("error", () => {});
    socket.on("data", (text: string) => {
      this.#held += text;
      this.#wake();
    });
    this.#ended = new Promise((resolve) => {
      const over = () => {
        this.#isOver = true;
        this.#wake();
        resolve();
      };
      socket.on("end", over).on("close", over);
    });
  }

  static async connect(options: NetConnectOpts): Promise<RawSocket> {
    const socket = connect({ allowHalfOpen: true, ...options });
    await once(socket, "connect");
    return new RawSocket(socket);
  }

  get port(): number {
    return this.socket.localPort ?? 0;
  }

  send(text: string): this {
    this.socket.write(text, "latin1");
    return this;
  }

  /** What comes, up to and with `end`. Rejects when the other side ends before. */
  async until(end: string): Promise<string> {
    for (;;) {
      const at = this.#held.indexOf(end);
      if (at !== -1) return this.#take(at + end.length);
      if (this.#isOver) throw new Error(`The other side ended behind ${JSON.stringify(this.#held)}.`);
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }

  /** All that comes until the other side ends. */
  async rest(): Promise<string> {
    await this.#ended;
    return this.#take(this.#held.length);
  }

  end(): this {
    this.socket.end();
    return this;
  }

  destroy(): void {
    this.socket.destroy();
  }

  #take(length: number): string {
    const text = this.#held.slice(0, length);
    this.#held = this.#held.slice(length);
    return text;
  }
}

/** A server on loopback that hands out its connections as raw sockets, in their order. */
export class RawServer {
  readonly server: Server;
  readonly #sockets: RawSocket[] = [];
  readonly #open = new Set<Socket>();
  #wake = () => {};

  private constructor() {
    this.server = createServer({ allowHalfOpen: true }, (socket) => {
      this.#sockets.push(new RawSocket(socket));
      this.#open.add(socket.once("close", () => this.#open.delete(socket)));
      this.#wake();
    });
  }

  static async listen(host = "127.0.0.1", port = 0): Promise<RawServer> {
    const raw = new RawServer();
    raw.server.listen(port, host);
    await once(raw.server, "listening");
    return raw;
  }

  get port(): number {
    const address = this.server.address();
    return typeof address === "object" && address !== null ? address.port : 0;
  }

  async next(): Promise<RawSocket> {
    for (;;) {
      const socket = this.#sockets.shift();
      if (socket) return socket;
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }

  close(): void {
    this.server.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  /** With all that has come. */
  destroy(): void {
    this.close();
    for (const socket of this.#open) socket.destroy();
  }
}
