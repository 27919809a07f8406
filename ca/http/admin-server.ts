/** Health and figures over plain HTTP, for probes and Prometheus inside: on an address that members need not reach. */
import type { AddressInfo, Socket } from "node:net";
import fastify, { type FastifyInstance } from "fastify";
import type { CertificateAuthority } from "../authority.js";
import { ConnectionGate } from "../gate/connection-gate.js";
import { gateOf, type Waits } from "../gate/service-limits.js";
import { addHealth } from "./health.js";
import { failureOf } from "./http-errors.js";
import type { ServiceMetrics } from "./service-metrics.js";
import { answerBroken, serverOptions, tellGate } from "./watched.js";

/** Nobody sends a body here. */
const BODY_BYTES_MAX = 1_024;
/** A few probes and collectors of figures, which may keep their connections. */
const CONNECTIONS_MAX = 64;

export interface AdminAddress {
  /** "127.0.0.1" when left out. */
  readonly host?: string;
  readonly port: number;
}

export interface AdminServer {
  readonly port: number;
  close(): Promise<void>;
}

export interface AdminParts {
  readonly authority: CertificateAuthority;
  readonly metrics: ServiceMetrics;
  readonly waits: Waits;
}

/** Rejects as the system does when it cannot listen. */
export async function serveAdmin(
  { authority, metrics, waits }: AdminParts,
  { host = "127.0.0.1", port }: AdminAddress,
): Promise<AdminServer> {
  const gate = new ConnectionGate(gateOf(CONNECTIONS_MAX), waits, (reason) => metrics.closedConnection(reason));
  const app: FastifyInstance = fastify({
    http: serverOptions(waits),
    bodyLimit: BODY_BYTES_MAX,
    requestTimeout: waits.requestMs,
    forceCloseConnections: true,
    clientErrorHandler: (error, socket) => void answerBroken(gate, error, socket as Socket),
  });
  tellGate(app, gate);
  app.setErrorHandler((error, _, reply) => {
    const { status, body } = failureOf(error);
    return reply.code(status).send(body);
  });
  addHealth(app, authority, true);
  app.get("/metrics", async ({ headers }, reply) => {
    const { type, text } = await metrics.page(headers.accept);
    return reply.type(type).send(text);
  });
  await app.listen({ host, port });
  return { port: (app.server.address() as AddressInfo).port, close: () => app.close() };
}
