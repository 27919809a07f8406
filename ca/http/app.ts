/** The authority's HTTP application: what is checked before a route runs, and what is told after it. */
import type { Socket } from "node:net";
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from "fastify";
import { ACCEPT_SIGNATURE, AUTHORITY_BODY_BYTES_MAX, AUTHORITY_NAME, FirefliesError } from "../../identity/index.js";
import type { CertificateAuthority } from "../authority.js";
import { limitKeyOf } from "../gate/caller-address.js";
import { Callers } from "../gate/callers.js";
import type { ConnectionGate } from "../gate/connection-gate.js";
import { RateLimit } from "../gate/rate-limit.js";
import { HEADERS_MAX, type ServiceLimits, type Waits } from "../gate/service-limits.js";
import { SignedBodies } from "../gate/signed-bodies.js";
import type { TrustedProxies } from "../gate/trusted-proxies.js";
import { WorkUnderWay } from "../gate/work.js";
import { addEstRoutes } from "./est-routes.js";
import { addHealth } from "./health.js";
import { failureOf, type HttpFailure } from "./http-errors.js";
import { collectOpenApi } from "./openapi.js";
import { takeAnyBody } from "./plain-bodies.js";
import { addRevocationRoutes } from "./revocation-routes.js";
import { addRoutes } from "./routes.js";
import type { ServerCredentials } from "./server-certificate.js";
import type { RequestRecord } from "./service-metrics.js";
import { addStatusRoutes } from "./status-routes.js";
import { answerBroken, serverOptions, tellGate } from "./watched.js";

export interface AppParts {
  readonly authority: CertificateAuthority;
  readonly credentials: ServerCredentials;
  readonly limits: ServiceLimits;
  readonly gate: ConnectionGate;
  readonly proxies: TrustedProxies;
  /** Told of every request that was answered. */
  readonly answered: (record: RequestRecord) => void;
  /** Whether connections are to end with the next answer. */
  readonly isStopping: () => boolean;
}

/** What openapi.json says of the authority as a whole. */
const ABOUT = {
  title: "Fireflies certificate authority",
  description:
    "Membership certificates of a Fireflies network. TLS 1.3; docs/authority-api.md says how callers know the server.",
  servers: [
    {
      url: `https://${AUTHORITY_NAME}:8300`,
      description: "The name in its certificate; dial the address of a token.",
    },
  ],
  securitySchemes: {
    certificate: { type: "mutualTLS", description: "The member's current certificate." },
    signature: {
      ...{ type: "apiKey", in: "header", name: "Signature" },
      description: "Or a signature of the member's key (RFC 9421), as the Accept-Signature of a 401 asks for it.",
    },
  },
};

/** The application, not listening yet. */
export function createApp(parts: AppParts): FastifyInstance {
  const { authority, limits, gate, proxies } = parts;
  const bodies = new SignedBodies();
  const callers = new Callers({ authority, limit: limits.member, gate, bodies });
  const addressOf = ({ socket, headers }: FastifyRequest) =>
    proxies.callerOf(gate.addressOf(socket), headers["x-forwarded-for"]);
  const app = serverOf(parts);
  tellGate(app, gate);
  bodies.watch(app);
  addHooks(app, parts, callers, addressOf);
  // Of an address that many callers share nothing is counted.
  const ownerOf = (request: FastifyRequest) => {
    const address = addressOf(request);
    return proxies.isShared(address) ? undefined : limitKeyOf(address);
  };
  limitAddresses(app, limits, ownerOf);
  limitWork(app, limits, ownerOf);
  takeAnyBody(app);
  const document = collectOpenApi(app, ABOUT);
  addHealth(app, authority);
  addRoutes(app, authority, callers);
  addRevocationRoutes(app, authority);
  addStatusRoutes(app, authority);
  addEstRoutes(app, authority, callers);
  const openApi = JSON.stringify(document());
  app.get("/openapi.json", (_, reply) => reply.type("application/json").send(openApi));
  return app;
}

/** Fastify, with nothing added yet. */
function serverOf({ credentials, limits, gate, answered }: AppParts): FastifyInstance {
  const app = fastify({
    https: tlsOptions(credentials, limits.waits),
    bodyLimit: AUTHORITY_BODY_BYTES_MAX,
    requestTimeout: limits.waits.requestMs,
    keepAliveTimeout: limits.waits.keepAliveMs,
    forceCloseConnections: "idle",
    exposeHeadRoutes: false,
    ajv: { customOptions: { coerceTypes: false, removeAdditional: false } },
    frameworkErrors: (error, _, reply) => answerBefore(error, reply as unknown as FastifyReply),
    clientErrorHandler: (error, socket) => {
      const record = answerBroken(gate, error, socket as Socket);
      if (record !== undefined) answered(record);
    },
  }) as unknown as FastifyInstance;
  app.server.maxHeadersCount = HEADERS_MAX;
  return app;
}

/** What concerns every request: how it fails, what it must have, and who hears of its answer. */
function addHooks(
  app: FastifyInstance,
  { authority, answered, isStopping }: AppParts,
  callers: Callers,
  addressOf: (request: FastifyRequest) => string,
): void {
  const codes = new WeakMap<FastifyRequest, string>();
  app.setErrorHandler(async (error, request, reply) => {
    const failure = failureOf(error);
    codes.set(request, failure.body.code); // First: what hears of the answer asks for it.
    answerFailure(authority, callers, { error, ...failure }, reply);
    return reply;
  });
  app.addHook("onRequest", async (request) => {
    // Node's own refusal would have no code.
    if (request.headers.host === undefined) throw new FirefliesError("body-malformed", "The Host header is missing.");
  });
  app.addHook("onSend", async (_, reply) => {
    if (isStopping()) reply.header("connection", "close");
  });
  app.addHook("onResponse", async (request, reply) => {
    const { id: caller, name } = callers.known(request) ?? {};
    const [address, code] = [addressOf(request), codes.get(request)];
    answered(recordOf(request, reply, { address, caller, name, code }));
  });
}

function tlsOptions({ key, cert }: ServerCredentials, waits: Waits) {
  return {
    key,
    cert,
    minVersion: "TLSv1.3",
    requestCert: true,
    rejectUnauthorized: false, // Enrolment has none yet; the other calls check it themselves, with our profile.
    ...serverOptions(waits),
  } as const;
}

/** For whom a request counts; undefined when nobody knows. */
type OwnerOf = (request: FastifyRequest) => string | undefined;

function limitAddresses(app: FastifyInstance, { address }: ServiceLimits, ownerOf: OwnerOf): void {
  const limit = new RateLimit(address);
  app.addHook("onRequest", async (request, reply) => {
    const owner = ownerOf(request);
    const seconds = owner === undefined ? 0 : limit.take(owner, performance.now());
    if (seconds === 0) return;
    reply.header("retry-after", seconds);
    throw new FirefliesError("too-many-requests");
  });
}

/**
 * Beyond what can be answered before callers give up, a short "later" is the better answer. Bodies still coming do not
 * count, nor do answers that a caller does not take.
 */
function limitWork(app: FastifyInstance, { work }: ServiceLimits, ownerOf: OwnerOf): void {
  const underWay = new WorkUnderWay(work);
  app.addHook("onRequest", async (request) => underWay.requireRoom(ownerOf(request))); // Before a body is read for nothing.
  app.addHook("preHandler", async (request) => underWay.begin(request, ownerOf(request)));
  app.addHook("onSend", async (request) => underWay.end(request)); // Also when its caller has gone: the work went on.
}

/** To a path that no route can have: fastify's own words have no code. */
function answerBefore(error: unknown, reply: FastifyReply): void {
  const { status, body } = failureOf(error);
  void reply.code(status).type("application/json").send(body);
}

function answerFailure(
  authority: CertificateAuthority,
  callers: Callers,
  { error, status, body, isRefusal }: HttpFailure & { readonly error: unknown },
  reply: FastifyReply,
): void {
  const at = authority.now();
  authority.tell(isRefusal ? { kind: "refused", code: body.code, at } : { kind: "failed", error, at });
  const isBusy = status === 429 || status === 503;
  if (isBusy && reply.getHeader("retry-after") === undefined) reply.header("retry-after", 1);
  if (status === 401) reply.header(ACCEPT_SIGNATURE, callers.invitation);
  void reply.code(status).type("application/json").send(body);
}

function recordOf(
  request: FastifyRequest,
  reply: FastifyReply,
  told: Pick<RequestRecord, "address" | "caller" | "name" | "code">,
): RequestRecord {
  const route = request.is404 ? "none" : (request.routeOptions.url ?? "none");
  return { method: request.method, route, status: reply.statusCode, milliseconds: reply.elapsedTime, ...told };
}
