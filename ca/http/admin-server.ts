/** Health and figures over plain HTTP, for probes and Prometheus inside: on an address that members need not reach. */
import type { AddressInfo } from "node:net";
import fastify, { type FastifyInstance } from "fastify";
import type { CertificateAuthority } from "../authority.js";
import { addHealth } from "./health.js";
import { failureOf } from "./http-errors.js";
import type { ServiceMetrics } from "./service-metrics.js";

/** Nobody sends a body here. */
const BODY_BYTES_MAX = 1_024;
const REQUEST_TIMEOUT_MS = 5_000;
const CONNECTIONS_MAX = 64;
const PAGE_TYPE = "text/plain; version=0.0.4; charset=utf-8";

export interface AdminAddress {
  /** "127.0.0.1" when left out. */
  readonly host?: string;
  readonly port: number;
}

export interface AdminServer {
  readonly port: number;
  close(): Promise<void>;
}

/** Rejects as the system does when it cannot listen. */
export async function serveAdmin(
  authority: CertificateAuthority,
  metrics: ServiceMetrics,
  { host = "127.0.0.1", port }: AdminAddress,
): Promise<AdminServer> {
  const app: FastifyInstance = fastify({
    bodyLimit: BODY_BYTES_MAX,
    requestTimeout: REQUEST_TIMEOUT_MS,
    forceCloseConnections: true,
  });
  app.server.maxConnections = CONNECTIONS_MAX;
  app.setErrorHandler((error, _, reply) => {
    const { status, body } = failureOf(error);
    return reply.code(status).send(body);
  });
  addHealth(app, () => authority.check());
  app.get("/metrics", async (_, reply) => reply.type(PAGE_TYPE).send(await metrics.page()));
  await app.listen({ host, port });
  return { port: (app.server.address() as AddressInfo).port, close: () => app.close() };
}
