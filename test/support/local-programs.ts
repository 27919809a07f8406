/** Programs of this machine that know nothing of members: what forwards lead to, and what connects to listeners. */
import { once } from "node:events";
import { type AddressInfo, createConnection, createServer, type Server, type Socket } from "node:net";
import type { Stage } from "./network.js";

/** A TCP server on a free port, closed with the stage and all its connections. */
export class Target {
  readonly sockets: Socket[] = [];
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
    server.on("connection", (socket) => {
      socket.on("error", () => {}); // "close" follows.
      this.sockets.push(socket);
    });
  }

  static async of(stage: Stage, onConnection: (socket: Socket) => void, at: number | string = 0): Promise<Target> {
    const server = createServer({ allowHalfOpen: true, noDelay: true }, onConnection);
    const target = stage.closing(new Target(server), (opened) => opened.kill());
    if (typeof at === "string") server.listen(at);
    else server.listen(at, "127.0.0.1");
    await once(server, "listening");
    return target;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  /** The next connection. */
  async accepted(): Promise<Socket> {
    const [socket] = (await once(this.#server, "connection")) as [Socket];
    return socket;
  }

  /** As a process that is killed: its port is closed, its connections are reset. */
  kill(): void {
    this.#server.close();
    for (const socket of this.sockets) socket.resetAndDestroy();
  }
}

/** Says back what it is told, and ends when the other side has. */
export function echo(socket: Socket): void {
  socket.pipe(socket);
}

/** A connection to "host:port" or "unix:/path", with all that came over it. */
export class Visitor {
  readonly socket: Socket;
  #got: Buffer[] = [];
  /** How it ended: "end" when the other side ended its direction and all was closed, or the code of the error. */
  readonly ended: Promise<string>;
  readonly whole: Promise<string>;

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on("data", (chunk: Buffer) => this.#got.push(chunk));
    let code = "end";
    socket.on("error", (error: NodeJS.ErrnoException) => {
      code = error.code ?? error.message;
    });
    this.ended = new Promise((resolve) => socket.once("close", () => resolve(code)));
    this.whole = new Promise((resolve) => socket.once("end", () => resolve(this.text)));
  }

  static async to(stage: Stage, address: string): Promise<Visitor> {
    const [host, port] = [address.slice(0, address.lastIndexOf(":")), address.slice(address.lastIndexOf(":") + 1)];
    const where = address.startsWith("unix:") ? { path: address.slice(5) } : { host, port: Number(port) };
    const socket = createConnection({ ...where, allowHalfOpen: true, noDelay: true });
    const visitor = new Visitor(socket);
    stage.closing(socket, (opened) => opened.destroy());
    const refused = new Promise<never>((_, reject) =>
      socket.once("error", (error: NodeJS.ErrnoException) => error.code === "ECONNREFUSED" && reject(error)),
    );
    const connected = new Promise((resolve) => socket.once("connect", resolve));
    await Promise.race([connected, visitor.ended, refused]); // A reset may come before it is told that it is open.
    return visitor;
  }

  get text(): string {
    return Buffer.concat(this.#got).toString("latin1");
  }

  /** Until so many bytes have come. */
  async got(bytes: number): Promise<string> {
    while (this.text.length < bytes) await once(this.socket, "data");
    return this.text;
  }
}
