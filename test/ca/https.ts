/** One HTTPS call as any tool makes it: bytes in, bytes out, without a look at the server's certificate. */
import { request } from "node:https";
import { certificatesToPem, type Identity, privateKeyToPem } from "../../identity/index.js";

export interface Ask {
  readonly path: string;
  readonly body?: Uint8Array | string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Proven in TLS. */
  readonly as?: Identity;
}

export interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: Buffer;
}

export function ask(url: string, { path, body, headers, as }: Ask): Promise<Answer> {
  const { hostname, port } = new URL(url);
  const own = as && { key: privateKeyToPem(as.privateKey), cert: chainOf(as) };
  return new Promise((resolve, reject) => {
    const options = { host: hostname, port, path, rejectUnauthorized: false, agent: false, ...own };
    const sent = request({ ...options, method: body === undefined ? "GET" : "POST", headers });
    sent.on("error", reject);
    sent.on("response", (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("end", () => {
        const type = String(response.headers["content-type"]);
        resolve({ status: response.statusCode ?? 0, type, body: Buffer.concat(chunks) });
      });
    });
    sent.end(body);
  });
}

export function chainOf({ certificate }: Identity): string {
  return certificatesToPem(certificate.leaf, certificate.issuer);
}
