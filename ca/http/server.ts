/** The authority over HTTPS: TLS 1.3, small bodies, short waits, and a limit on everything a caller can hold. */
import type { Server } from "node:https";
import type { AddressInfo } from "node:net";
import type { FastifyInstance } from "fastify";
import { FirefliesError, messageOf, missing } from "../../identity/index.js";
import { Refusals } from "../audit/refusals.js";
import type { CertificateAuthority } from "../authority.js";
import { ConnectionGate } from "../gate/connection-gate.js";
import { SERVICE_LIMITS, type ServiceLimits } from "../gate/service-limits.js";
import { type ProxyOptions, TrustedProxies } from "../gate/trusted-proxies.js";
import type { AdminAddress, AdminParts, AdminServer } from "./admin-server.js";
import { logRequest } from "./request-log.js";
import { createServerCredentials, isDue, type ServerCredentials } from "./server-certificate.js";
import { type RequestRecord, ServiceMetrics } from "./service-metrics.js";
import { urlsOf } from "./urls.js";

const PORT_DEFAULT = 8_300;
const HOST_DEFAULT = "127.0.0.1";
/** How often revocation lists and the server's certificate are looked at. */
const REFRESH_MS = 60_000;
/** How often refusals are written to the audit, together: one sync for all of them. */
const REFUSALS_MS = 2_000;

export interface ServeOptions {
  /** Address to listen on ("127.0.0.1"); "0.0.0.0" or "::" for all. */
  readonly host?: string;
  /** 8300; 0 for any free port. */
  readonly port?: number;
  /** What tokens say, "https://host:port"; derived from the address when left out. */
  readonly urls?: readonly string[];
  /** Where health and metrics are served over plain HTTP; nowhere when left out. */
  readonly admin?: AdminAddress | undefined;
  /** Other limits than the usual ones, as for a measurement from one address. */
  readonly limits?: Partial<ServiceLimits>;
  /** Balancers in front of it; without them the caller's address is that of the connection. */
  readonly proxies?: ProxyOptions | undefined;
  /** Told of every request that was answered; must not throw. Holds no secret. */
  readonly onRequest?: ((record: RequestRecord) => void) | undefined;
}

export interface AuthorityServer {
  readonly host: string;
  readonly port: number;
  readonly urls: readonly string[];
  /** Undefined when there is no admin address. */
  readonly adminPort: number | undefined;
  /** Publishes revocation lists and replaces the TLS certificate where that is due; also done every minute. */
  refresh(): Promise<void>;
  /** The metrics page. */
  metrics(): Promise<string>;
  /** Stops listening, lets requests under way finish within 5 s, ends what is left. The authority itself stays open. */
  close(): Promise<void>;
}

/** Serves an authority. Rejects with "address-in-use" when it cannot listen. */
export async function serveAuthority(
  authority: CertificateAuthority,
  {
    host = HOST_DEFAULT,
    port = PORT_DEFAULT,
    urls,
    admin,
    limits,
    proxies: proxyOptions,
    onRequest,
  }: ServeOptions = {},
): Promise<AuthorityServer> {
  const proxies = new TrustedProxies(proxyOptions);
  await authority.refresh();
  const credentials = await createServerCredentials(authority);
  const metrics = new ServiceMetrics(authority);
  const journal = new Journal(authority, metrics, onRequest);
  const allLimits = { ...SERVICE_LIMITS, ...limits };
  const gate = new ConnectionGate(
    allLimits.gate,
    allLimits.waits,
    (reason) => metrics.closedConnection(reason),
    proxies,
  );
  let stopping = false;
  const { createApp } = await import("./app.js").catch(missing("fastify", "The authority"));
  const app = createApp({
    authority,
    credentials,
    limits: allLimits,
    gate,
    proxies,
    answered: (record) => journal.answered(record),
    isStopping: () => stopping,
  });
  const server = app.server as unknown as Server;
  metrics.watchConnections(() => gate.size);
  await listen(app, host, port);
  const adminServer = admin && (await listenAdmin(app, admin, { authority, metrics, waits: allLimits.waits }));
  const actualPort = (server.address() as AddressInfo).port;
  const reachable = urls ?? urlsOf(host, actualPort);
  await authority.saveUrls(reachable);
  const refresh = refresher(authority, server, credentials);
  const timer = setInterval(refresh, REFRESH_MS).unref();
  const close = async () => {
    clearInterval(timer);
    stopping = true;
    await Promise.all([stop(app, gate, allLimits.waits.stopMs), adminServer?.close()]);
    await journal.close();
  };
  const page = async () => (await metrics.page()).text;
  return { host, port: actualPort, urls: reachable, adminPort: adminServer?.port, refresh, metrics: page, close };
}

/** What the service tells: figures, the program's own log, and refusals for the audit. */
class Journal {
  readonly #authority: CertificateAuthority;
  readonly #metrics: ServiceMetrics;
  readonly #onRequest: ((record: RequestRecord) => void) | undefined;
  readonly #refusals = new Refusals();
  readonly #timer: NodeJS.Timeout;
  readonly #unlisten: () => void;

  constructor(
    authority: CertificateAuthority,
    metrics: ServiceMetrics,
    onRequest: ((record: RequestRecord) => void) | undefined,
  ) {
    this.#authority = authority;
    this.#metrics = metrics;
    this.#onRequest = onRequest;
    this.#timer = setInterval(() => void this.#write(), REFUSALS_MS).unref();
    this.#unlisten = authority.listen((decision) => metrics.decided(decision));
  }

  answered(record: RequestRecord): void {
    this.#metrics.answered(record);
    logRequest(this.#authority.logger, record);
    this.#onRequest?.(record);
    const { code, route, address, caller, status } = record;
    if (code === undefined || status >= 500) return;
    this.#refusals.add({ code, route, address, caller, at: this.#authority.now() });
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#write(true);
    this.#unlisten();
  }

  /** A store that cannot be written is told of; these refusals are then missing, which changes nothing that was issued. */
  async #write(last = false): Promise<void> {
    const at = this.#authority.now();
    const notes = this.#refusals.take(at, last);
    if (notes.length === 0) return;
    await this.#authority.note(notes).catch((error: unknown) => this.#authority.tell({ kind: "failed", error, at }));
  }
}

async function stop(app: FastifyInstance, gate: ConnectionGate, graceMs: number): Promise<void> {
  const closing = app.close();
  gate.endIdle();
  const timer = setTimeout(() => gate.endAll(), graceMs);
  await closing.finally(() => clearTimeout(timer));
}

async function listen(app: FastifyInstance, host: string, port: number): Promise<void> {
  try {
    await app.listen({ host, port });
  } catch (cause) {
    await app.close();
    throw addressInUse(host, port, cause);
  }
}

async function listenAdmin(app: FastifyInstance, admin: AdminAddress, parts: AdminParts): Promise<AdminServer> {
  const { serveAdmin } = await import("./admin-server.js");
  try {
    return await serveAdmin(parts, admin);
  } catch (cause) {
    await app.close();
    throw addressInUse(admin.host ?? HOST_DEFAULT, admin.port, cause);
  }
}

function addressInUse(host: string, port: number, cause: unknown): FirefliesError {
  const reason = (cause as NodeJS.ErrnoException)?.code ?? messageOf(cause);
  return new FirefliesError("address-in-use", `Port ${port} of ${host} is in use or not allowed (${reason}).`, {
    cause,
  });
}

/** A failure is told, and tried again in a minute: lists and certificate in use are good for a while. */
function refresher(authority: CertificateAuthority, server: Server, first: ServerCredentials): () => Promise<void> {
  let current = first;
  return async () => {
    try {
      await authority.refresh();
      if (!isDue(current, authority.now(), authority.issuer)) return;
      current = await createServerCredentials(authority);
      server.setSecureContext({ key: current.key, cert: current.cert, minVersion: "TLSv1.3" });
    } catch (error) {
      authority.tell({ kind: "failed", error, at: authority.now() });
    }
  };
}
