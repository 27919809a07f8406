/** The authority's HTTP application: what is checked before a route runs, and what is told after it. */
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from "fastify";
import { AUTHORITY_BODY_BYTES_MAX, FirefliesError } from "../../identity/index.js";
import type { CertificateAuthority } from "../authority.js";
import { limitKeyOf } from "../gate/caller-address.js";
import { Callers } from "../gate/callers.js";
import type { ConnectionGate } from "../gate/connection-gate.js";
import { RateLimit } from "../gate/rate-limit.js";
import {
  CONNECTIONS_MAX,
  HEADER_BYTES_MAX,
  HEADERS_MAX,
  KEEP_ALIVE_MS,
  type ServiceLimits,
  type Waits,
} from "../gate/service-limits.js";
import { addEstRoutes } from "./est-routes.js";
import { addHealth } from "./health.js";
import { failureOf } from "./http-errors.js";
import { collectOpenApi } from "./openapi.js";
import { addRevocationRoutes } from "./revocation-routes.js";
import { addRoutes } from "./routes.js";
import type { ServerCredentials } from "./server-certificate.js";
import type { RequestRecord } from "./service-metrics.js";
import { addStatusRoutes } from "./status-routes.js";

export interface AppParts {
  readonly authority: CertificateAuthority;
  readonly credentials: ServerCredentials;
  readonly limits: ServiceLimits;
  readonly gate: ConnectionGate;
  /** Told of every request that was answered. */
  readonly answered: (record: RequestRecord) => void;
  /** Whether connections are to end with the next answer. */
  readonly isStopping: () => boolean;
}

/** The application, not listening yet. */
export function createApp(parts: AppParts): FastifyInstance {
  const { authority, credentials, limits, gate, answered, isStopping } = parts;
  const codes = new WeakMap<FastifyRequest, string>();
  const callers = new Callers(authority, limits.member);
  const app = fastify({
    https: tlsOptions(credentials, limits.waits),
    bodyLimit: AUTHORITY_BODY_BYTES_MAX,
    requestTimeout: limits.waits.requestMs,
    keepAliveTimeout: KEEP_ALIVE_MS,
    forceCloseConnections: "idle",
    exposeHeadRoutes: false,
    ajv: { customOptions: { coerceTypes: false, removeAdditional: false } },
    frameworkErrors: (error, _, reply) => answerBefore(error, reply as unknown as FastifyReply),
    clientErrorHandler: (error, socket) => answered(answerRaw(error, socket)),
  }) as unknown as FastifyInstance;
  app.server.maxConnections = CONNECTIONS_MAX;
  app.server.maxHeadersCount = HEADERS_MAX;
  app.setErrorHandler(async (error, request, reply) => {
    codes.set(request, await answerFailure(authority, error, reply));
    return reply;
  });
  app.addHook("onRequest", async (request) => {
    gate.asked(request.socket);
    // Node's own refusal would have no code.
    if (request.headers.host === undefined) throw new FirefliesError("body-malformed", "The Host header is missing.");
  });
  app.addHook("onSend", async (_, reply) => {
    if (isStopping()) reply.header("connection", "close");
  });
  app.addHook("onResponse", async (request, reply) => {
    gate.answered(request.socket);
    answered(recordOf(request, reply, { caller: callers.idOf(request), code: codes.get(request) }));
  });
  limitAddresses(app, limits);
  limitWork(app, limits);
  const document = collectOpenApi(app);
  addHealth(app, () => authority.check());
  addRoutes(app, authority, callers);
  addRevocationRoutes(app, authority);
  addStatusRoutes(app, authority);
  addEstRoutes(app, authority, callers);
  const openApi = JSON.stringify(document());
  app.get("/openapi.json", (_, reply) => reply.type("application/json").send(openApi));
  return app;
}

function tlsOptions({ key, cert }: ServerCredentials, { requestMs, checkMs }: Waits) {
  return {
    key,
    cert,
    minVersion: "TLSv1.3",
    requestCert: true,
    rejectUnauthorized: false, // Enrolment has none yet; the other calls check it themselves, with our profile.
    handshakeTimeout: requestMs,
    headersTimeout: requestMs,
    connectionsCheckingInterval: checkMs,
    requireHostHeader: false,
    maxHeaderSize: HEADER_BYTES_MAX,
  } as const;
}

function limitAddresses(app: FastifyInstance, { address }: ServiceLimits): void {
  const limit = new RateLimit(address);
  app.addHook("onRequest", async (request, reply) => {
    const seconds = limit.take(limitKeyOf(request.ip), performance.now());
    if (seconds === 0) return;
    reply.header("retry-after", seconds);
    throw new FirefliesError("too-many-requests");
  });
}

/** Beyond what can be answered before callers give up, a short "later" is the better answer. Bodies still coming do not count. */
function limitWork(app: FastifyInstance, { underWayMax }: ServiceLimits): void {
  let underWay = 0;
  const requireRoom = () => {
    if (underWay >= underWayMax) throw new FirefliesError("overloaded");
  };
  app.addHook("onRequest", async () => requireRoom()); // Before a body is read for nothing.
  app.addHook("preHandler", async (_, reply) => {
    requireRoom();
    underWay += 1;
    reply.raw.once("close", () => {
      underWay -= 1;
    });
  });
}

/** To a path that no route can have: fastify's own words have no code. */
function answerBefore(error: unknown, reply: FastifyReply): void {
  const { status, body } = failureOf(error);
  void reply.code(status).type("application/json").send(body);
}

async function answerFailure(authority: CertificateAuthority, error: unknown, reply: FastifyReply): Promise<string> {
  const { status, body, isRefusal } = failureOf(error);
  const at = authority.now();
  authority.tell(isRefusal ? { kind: "refused", code: body.code, at } : { kind: "failed", error, at });
  const isBusy = status === 429 || status === 503;
  if (isBusy && reply.getHeader("retry-after") === undefined) reply.header("retry-after", 1);
  await reply.code(status).type("application/json").send(body);
  return body.code;
}

function recordOf(
  request: FastifyRequest,
  reply: FastifyReply,
  told: Pick<RequestRecord, "caller" | "code">,
): RequestRecord {
  const route = request.is404 ? "none" : (request.routeOptions.url ?? "none");
  const { method, ip: address } = request;
  return { method, route, status: reply.statusCode, milliseconds: reply.elapsedTime, address, ...told };
}

interface RawSocket {
  readonly writable: boolean;
  readonly remoteAddress?: string | undefined;
  end(text: string): unknown;
  destroy(): unknown;
}

/** To what is no request, or came too slowly: fastify has no reply object for it. */
function answerRaw(error: Error, socket: RawSocket): RequestRecord {
  const { status, body } = failureOf(error);
  const json = JSON.stringify(body);
  const head = `HTTP/1.1 ${status} Refused\r\ncontent-type: application/json\r\nconnection: close`;
  if (socket.writable) socket.end(`${head}\r\ncontent-length: ${Buffer.byteLength(json)}\r\n\r\n${json}`);
  else socket.destroy();
  const address = socket.remoteAddress ?? "";
  return { method: "", route: "none", status, milliseconds: 0, address, caller: undefined, code: body.code };
}
