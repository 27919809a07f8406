/** An HTTP server with a rendezvous on it, and clients moved by hand. */
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import { RdvServer, type RdvServerOptions } from "../../../rdv/index.js";
import { RawSocket } from "../../support/raw-socket.js";
import { bytesOf } from "../../support/rdv-bytes.js";

export class Site {
  readonly http: Server;
  readonly rdv: RdvServer;
  readonly #sockets: RawSocket[] = [];

  private constructor(options: RdvServerOptions) {
    this.rdv = new RdvServer({ prefix: "/rdv/", ...options });
    this.http = createServer((request, response) => response.end(`page ${request.url}`));
    this.rdv.attach(this.http);
  }

  static async open(options: RdvServerOptions = {}, host = "127.0.0.1"): Promise<Site> {
    const site = new Site(options);
    site.http.listen(0, host);
    await once(site.http, "listening");
    return site;
  }

  get port(): number {
    const address = this.http.address();
    return typeof address === "object" && address !== null ? address.port : 0;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}/rdv`;
  }

  async connect(): Promise<RawSocket> {
    const socket = await RawSocket.connect({ host: "127.0.0.1", port: this.port });
    this.#sockets.push(socket);
    return socket;
  }

  /** A client that has asked as docs/rdv.md does, with other words in place of some. */
  async ask(replacements: Readonly<Record<string, string>> = {}): Promise<RawSocket> {
    return (await this.connect()).send(bytesOf("request", replacements));
  }

  /** Resolves when so many clients wait. */
  async waiting(count: number): Promise<void> {
    while (this.rdv.metrics().waiting !== count) await new Promise(setImmediate);
  }

  /** Two that have met: both have asked, and read the answer's head. */
  async pair(): Promise<{ readonly dialer: RawSocket; readonly accepter: RawSocket }> {
    const accepter = await this.ask({ DIAL: "ACCEPT" });
    await this.waiting(1);
    const dialer = await this.ask();
    await Promise.all([dialer.until("\r\n\r\n"), accepter.until("\r\n\r\n")]);
    return { dialer, accepter };
  }

  async close(): Promise<void> {
    await this.rdv.close();
    this.http.closeAllConnections();
    this.http.close();
    for (const socket of this.#sockets) socket.destroy();
  }
}
