/** The authority over HTTPS: TLS 1.3, small bodies, short waits, and a limit on everything a caller can hold. */
import type { Server } from "node:https";
import type { AddressInfo } from "node:net";
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from "fastify";
import { AUTHORITY_BODY_BYTES_MAX, FirefliesError, messageOf } from "../identity/index.js";
import type { CertificateAuthority } from "./authority.js";
import { failureOf } from "./http-errors.js";
import { RateLimit } from "./rate-limit.js";
import { addRoutes } from "./routes.js";
import { createServerCredentials, isDue, type ServerCredentials } from "./server-certificate.js";
import { urlsOf } from "./urls.js";

const PORT_DEFAULT = 8_300;
const HOST_DEFAULT = "127.0.0.1";
/** Requests are small and near: who needs longer for the handshake, the headers or the body holds a socket for nothing. */
const REQUEST_TIMEOUT_MS = 10_000;
const KEEP_ALIVE_MS = 5_000;
/** Sockets held at once; a socket costs about 50 kB with TLS. */
const CONNECTIONS_MAX = 2_048;
/** A rack of members may start behind one address. */
const RATE_LIMIT = { burst: 1_000, perSecond: 100, callersMax: 10_000 } as const;
/** How often the server's certificate is looked at. */
const REFRESH_MS = 3_600_000;

export interface ServeOptions {
  /** Address to listen on ("127.0.0.1"); "0.0.0.0" or "::" for all. */
  readonly host?: string;
  /** 8300; 0 for any free port. */
  readonly port?: number;
  /** What tokens say, "https://host:port"; derived from the address when left out. */
  readonly urls?: readonly string[];
}

export interface AuthorityServer {
  readonly host: string;
  readonly port: number;
  readonly urls: readonly string[];
  /** Replaces the TLS certificate if it is due; also done every hour. */
  refresh(): Promise<void>;
  /** Stops listening and ends open connections. The authority itself stays open. */
  close(): Promise<void>;
}

/** Serves an authority. Rejects with "address-in-use" when it cannot listen. */
export async function serveAuthority(
  authority: CertificateAuthority,
  { host = HOST_DEFAULT, port = PORT_DEFAULT, urls }: ServeOptions = {},
): Promise<AuthorityServer> {
  const credentials = await createServerCredentials(authority);
  const app = createApp(authority, credentials);
  await listen(app, host, port);
  const actualPort = (app.server.address() as AddressInfo).port;
  const reachable = urls ?? urlsOf(host, actualPort);
  await authority.saveUrls(reachable);
  const refresh = refresher(authority, app.server as unknown as Server, credentials);
  const timer = setInterval(refresh, REFRESH_MS).unref();
  const close = async () => {
    clearInterval(timer);
    await app.close();
  };
  return { host, port: actualPort, urls: reachable, refresh, close };
}

function createApp(authority: CertificateAuthority, { key, cert }: ServerCredentials): FastifyInstance {
  const https = {
    key,
    cert,
    minVersion: "TLSv1.3",
    requestCert: true,
    rejectUnauthorized: false, // Enrolment has none yet; the other calls check it themselves, with our profile.
    handshakeTimeout: REQUEST_TIMEOUT_MS,
    headersTimeout: REQUEST_TIMEOUT_MS,
  } as const;
  const app = fastify({
    https,
    bodyLimit: AUTHORITY_BODY_BYTES_MAX,
    requestTimeout: REQUEST_TIMEOUT_MS,
    keepAliveTimeout: KEEP_ALIVE_MS,
    forceCloseConnections: true,
    ajv: { customOptions: { coerceTypes: false, removeAdditional: false } },
    clientErrorHandler: answerRaw,
  }) as unknown as FastifyInstance;
  app.server.maxConnections = CONNECTIONS_MAX;
  app.setErrorHandler((error, request, reply) => answerFailure(authority, error, request, reply));
  limitRate(app, authority);
  addRoutes(app, authority);
  return app;
}

function limitRate(app: FastifyInstance, authority: CertificateAuthority): void {
  const limit = new RateLimit(RATE_LIMIT);
  app.addHook("onRequest", async (request, reply) => {
    const seconds = limit.take(request.ip, authority.now());
    if (seconds === 0) return;
    reply.header("retry-after", seconds);
    throw new FirefliesError("too-many-requests");
  });
}

async function answerFailure(
  authority: CertificateAuthority,
  error: unknown,
  _request: FastifyRequest,
  reply: FastifyReply,
): Promise<void> {
  const { status, body, isRefusal } = failureOf(error);
  const at = authority.now();
  authority.tell(isRefusal ? { kind: "refused", code: body.code, at } : { kind: "failed", error, at });
  await reply.code(status).send(body);
}

/** To what is no request, or came too slowly: fastify has no reply object for it. */
function answerRaw(error: Error, socket: { writable: boolean; end(text: string): unknown; destroy(): unknown }): void {
  if (!socket.writable) {
    socket.destroy();
    return;
  }
  const { status, body } = failureOf(error);
  const json = JSON.stringify(body);
  const head = `HTTP/1.1 ${status} Refused\r\ncontent-type: application/json\r\nconnection: close`;
  socket.end(`${head}\r\ncontent-length: ${Buffer.byteLength(json)}\r\n\r\n${json}`);
}

async function listen(app: FastifyInstance, host: string, port: number): Promise<void> {
  try {
    await app.listen({ host, port });
  } catch (cause) {
    await app.close();
    const reason = (cause as NodeJS.ErrnoException)?.code ?? messageOf(cause);
    throw new FirefliesError(
      "address-in-use",
      `Port ${port} of ${host} is in use or not allowed (${reason}). Choose another port, or 0.`,
      { cause },
    );
  }
}

/** A failure is told, and tried again in an hour: the certificate in use is good for two days more. */
function refresher(authority: CertificateAuthority, server: Server, first: ServerCredentials): () => Promise<void> {
  let current = first;
  return async () => {
    if (!isDue(current, authority.now())) return;
    try {
      current = await createServerCredentials(authority);
      server.setSecureContext({ key: current.key, cert: current.cert, minVersion: "TLSv1.3" });
    } catch (error) {
      authority.tell({ kind: "failed", error, at: authority.now() });
    }
  };
}
