/** An issuer of JWTs for tests: a real HTTPS server with its own certificate, discovery, keys that rotate, and bad manners on demand. */
import "reflect-metadata";
import { randomUUID, webcrypto } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import type { IncomingMessage, RequestListener } from "node:http";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as x509 from "@peculiar/x509";
import { exportJWK, generateKeyPair, type JWK, SignJWT } from "jose";
import type { JwtPolicy } from "../../identity/index.js";

const DAY_MS = 86_400_000;
export const AUDIENCE = "fireflies";

type Key = Awaited<ReturnType<typeof generateKeyPair>>["privateKey"];

interface Signing {
  readonly kid: string;
  readonly alg: string;
  readonly privateKey: Key;
  readonly jwk: JWK;
}

export class OidcIssuer implements AsyncDisposable {
  readonly #server: Server;
  readonly #directory: string;
  /** What each request asked for. */
  readonly asked: IncomingMessage[] = [];
  keys: readonly Signing[];
  /** Instead of its own answers. */
  listener: RequestListener | undefined;
  /** Where discovery says that the keys are. */
  jwksUri: string | undefined;

  private constructor(server: Server, directory: string, keys: readonly Signing[]) {
    this.#server = server;
    this.#directory = directory;
    this.keys = keys;
    server.on("request", (request, response) => {
      this.asked.push(request);
      if (this.listener) return this.listener(request, response);
      const { url } = this;
      const documents: Readonly<Record<string, unknown>> = {
        "/.well-known/openid-configuration": { issuer: url, jwks_uri: this.jwksUri ?? `${url}/keys` },
        "/keys": { keys: this.keys.map(({ jwk }) => jwk) },
      };
      const document = documents[request.url ?? ""];
      response.writeHead(document === undefined ? 404 : 200).end(JSON.stringify(document ?? {}));
    });
  }

  static async start(): Promise<OidcIssuer> {
    const directory = mkdtempSync(join(tmpdir(), "fireflies-oidc-"));
    const { key, cert } = await serverCertificate();
    writeFileSync(join(directory, "ca.pem"), cert);
    const issuer = new OidcIssuer(createServer({ key, cert }), directory, [await signingKey("RS256")]);
    await once(issuer.#server.listen(0, "127.0.0.1"), "listening");
    return issuer;
  }

  get url(): string {
    return `https://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** The file with the certificate that vouches for it. */
  get caFile(): string {
    return join(this.#directory, "ca.pem");
  }

  /** A file in its directory, with this text. */
  file(name: string, text: string): string {
    const path = join(this.#directory, name);
    writeFileSync(path, text);
    return path;
  }

  /** As a cluster's service accounts are admitted, by pod. */
  policy(changes: Partial<JwtPolicy> = {}): JwtPolicy {
    return {
      ...{ issuer: this.url, audience: AUDIENCE, caFile: this.caFile },
      ...{ claims: { sub: "system:serviceaccount:shop:web" }, name: "{/kubernetes.io/pod/name}", names: "web-*" },
      ...{ instance: "/kubernetes.io/pod/uid", ...changes },
    };
  }

  /** Of a pod at `now` (unix milliseconds), good for an hour; `claims` replace those of a service account. */
  async jwt(now: number, claims: Readonly<Record<string, unknown>> = {}, by: Signing = this.keys[0]!): Promise<string> {
    const seconds = Math.floor(now / 1_000);
    const payload = {
      ...{ iss: this.url, aud: [AUDIENCE], sub: "system:serviceaccount:shop:web", jti: randomUUID() },
      ...{ iat: seconds, nbf: seconds, exp: seconds + 3_600, ...podClaims("web-0", "uid-0"), ...claims },
    };
    return new SignJWT(payload).setProtectedHeader({ alg: by.alg, kid: by.kid }).sign(by.privateKey);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
    rmSync(this.#directory, { recursive: true, force: true });
  }
}

/** As Kubernetes writes them. */
export function podClaims(name: string, uid: string): Readonly<Record<string, unknown>> {
  return { "kubernetes.io": { namespace: "shop", pod: { name, uid }, serviceaccount: { name: "web", uid: "s" } } };
}

export async function signingKey(alg: string): Promise<Signing> {
  const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true });
  const kid = randomUUID();
  return { kid, alg, privateKey, jwk: { ...(await exportJWK(publicKey)), kid, alg, use: "sig" } };
}

/** Self-signed, for 127.0.0.1. */
export async function serverCertificate(): Promise<{ readonly key: string; readonly cert: string }> {
  const signingAlgorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
  const keys = (await webcrypto.subtle.generateKey(signingAlgorithm, true, [
    "sign",
    "verify",
  ])) as webcrypto.CryptoKeyPair;
  const certificate = await x509.X509CertificateGenerator.createSelfSigned(
    {
      ...{ serialNumber: "01", name: "CN=issuer of a test", keys, signingAlgorithm },
      ...{ notBefore: new Date(Date.now() - DAY_MS), notAfter: new Date(Date.now() + DAY_MS) },
      extensions: [new x509.SubjectAlternativeNameExtension([{ type: "ip", value: "127.0.0.1" }])],
    },
    webcrypto as never,
  );
  const pkcs8 = Buffer.from(await webcrypto.subtle.exportKey("pkcs8", keys.privateKey)).toString("base64");
  return {
    key: `-----BEGIN PRIVATE KEY-----\n${pkcs8}\n-----END PRIVATE KEY-----\n`,
    cert: certificate.toString("pem"),
  };
}
