/** A proxy that ends TLS with a certificate of its own and asks the authority anew, as an ingress does. Keeps what passed. */
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from "node:http";
import { createServer, request, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { serverCertificate } from "./oidc-issuer.js";

export interface Passed {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  readonly status: number;
}

export class TlsEndingProxy implements AsyncDisposable {
  readonly passed: Passed[] = [];
  /** Whether it keeps a call to itself, and answers that the authority is away. */
  hold: ((call: Omit<Passed, "status">) => boolean) | undefined;
  readonly #server: Server;
  readonly #directory = mkdtempSync(join(tmpdir(), "fireflies-proxy-"));
  readonly #to: () => string;

  private constructor(server: Server, cert: string, to: () => string) {
    this.#server = server;
    this.#to = to;
    writeFileSync(this.rootsFile, cert);
    server.on("request", (incoming, outgoing) => void this.#pass(incoming, outgoing));
  }

  /** `to` is where the authority is at the moment; `own` what it proves itself with. */
  static async before(
    to: () => string,
    own?: { readonly key: string; readonly cert: string },
  ): Promise<TlsEndingProxy> {
    const { key, cert } = own ?? (await serverCertificate());
    const proxy = new TlsEndingProxy(createServer({ key, cert }), cert, to);
    await once(proxy.#server.listen(0, "127.0.0.1"), "listening");
    return proxy;
  }

  get url(): string {
    return `https://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** What vouches for it. */
  get rootsFile(): string {
    return join(this.#directory, "roots.pem");
  }

  async #pass(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const body = Buffer.concat(await incoming.toArray());
    const { method = "", url: path = "", headers } = incoming;
    if (this.hold?.({ path, headers, body })) return void outgoing.writeHead(502).end();
    const sent = request(new URL(path, this.#to()), { method, headers, rejectUnauthorized: false, agent: false });
    sent.on("error", () => outgoing.writeHead(502).end("<html>bad gateway</html>"));
    sent.on("response", async (answer) => {
      const { statusCode: status = 0 } = answer;
      this.passed.push({ path, headers, body, status });
      outgoing.writeHead(status, answer.headers).end(Buffer.concat(await answer.toArray()));
    });
    sent.end(body);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
    rmSync(this.#directory, { recursive: true, force: true });
  }
}
