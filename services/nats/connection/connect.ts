/** A connection to NATS servers of others, with credentials and TLS; and what its errors mean, as codes. */
import { readFile } from "node:fs/promises";
import { isIP } from "node:net";
import { checkServerIdentity as ofNode, type PeerCertificate } from "node:tls";
import type { ConnectionOptions, NatsConnection } from "@nats-io/transport-node";
import { type ErrorCode, FirefliesError, messageOf, readSecret } from "../../../identity/index.js";
import { parseEndpoint } from "../../../net/index.js";
import { loadNats } from "./load.js";

/** Where NATS is, and who one is there. */
export interface NatsServers {
  /** "host:port" or "tls://host:port"; the others are tried when the first is gone. */
  readonly servers: string | readonly string[];
  readonly user?: string | undefined;
  readonly password?: string | undefined;
  readonly token?: string | undefined;
  /** File of credentials (`.creds`), of mode 0600. */
  readonly credentialsFile?: string | undefined;
  /** Files in PEM: roots that vouch for the server, and the client's own certificate and key (of mode 0600). */
  readonly tls?:
    | {
        readonly caFile?: string | undefined;
        readonly certFile?: string | undefined;
        readonly keyFile?: string | undefined;
        /** The name in the server's certificate, where it is another one than in `servers`. */
        readonly serverName?: string | undefined;
      }
    | undefined;
  /** What the server calls the connection. */
  readonly name?: string | undefined;
}

/** Milliseconds for a server to take a connection and its credentials. */
const CONNECT_MS = 5_000;
/** Milliseconds between pings of an idle connection, and how many may stay without an answer. */
const PING_MS = 10_000;
const PINGS_OUT = 2;
/** Milliseconds between two tries to come back, with a share of it at random. */
const RECONNECT_MS = 1_000;

/**
 * Connects, and stays: a connection that is lost comes back by itself, without end. The first try is one that does not come
 * back, as the client would wait for ever for a server that refuses a certificate. Rejects with "package-missing",
 * "nats-unreachable", "nats-refused", and with the codes of files.
 */
export async function connectNats(where: NatsServers): Promise<NatsConnection> {
  const { connect } = await loadNats();
  const options = await optionsOf(where);
  try {
    const trial = await connect({ ...options, reconnect: false });
    await trial.close();
    return await connect({ ...options, maxReconnectAttempts: -1, reconnectTimeWait: RECONNECT_MS });
  } catch (cause) {
    throw unconnected(cause, where.tls !== undefined);
  }
}

/** With TLS 1.3 a server that refuses a client's certificate says so after the handshake, by a cut. */
function unconnected(cause: unknown, isTls: boolean): FirefliesError {
  const error = natsError(cause);
  if (isTls && CUT.test(error.message)) {
    const text =
      "NATS: the server cut the connection after the handshake, as it does for a certificate that it refuses.";
    return new FirefliesError("nats-refused", text, { cause });
  }
  return error.code === "timeout" ? new FirefliesError("nats-unreachable", error.message, { cause }) : error;
}

const CUT = /ECONNRESET|EPIPE|closed/i;

async function optionsOf(where: NatsServers): Promise<ConnectionOptions> {
  const { servers, user, password, token, credentialsFile, tls, name } = where;
  const { credsAuthenticator } = await loadNats();
  const creds = credentialsFile === undefined ? undefined : await secretOf(credentialsFile);
  return {
    servers: [servers].flat(),
    ...{ timeout: CONNECT_MS, pingInterval: PING_MS, maxPingOut: PINGS_OUT, noAsyncTraces: true },
    ...(name !== undefined && { name }),
    ...(user !== undefined && { user }),
    ...(password !== undefined && { pass: password }),
    ...(token !== undefined && { token }),
    ...(creds !== undefined && { authenticator: credsAuthenticator(Buffer.from(creds)) }),
    ...(tls && {
      tls: {
        ...(tls.caFile !== undefined && { ca: await readFile(tls.caFile, "utf8") }),
        ...(tls.certFile !== undefined && { cert: await readFile(tls.certFile, "utf8") }),
        ...(tls.keyFile !== undefined && { key: await secretOf(tls.keyFile) }),
        ...(tls.serverName === undefined ? identityCheck([servers].flat()) : { servername: tls.serverName }),
      },
    }),
  };
}

/**
 * Of a server that is named by its IP address the client checks "localhost", as Node does where it is told no host: here it must
 * be one of the addresses. The client passes on what it does not know.
 */
function identityCheck(servers: readonly string[]): object {
  const hosts = servers.map((server) => parseEndpoint(server.replace(/^[a-z]+:\/\//, ""))?.host ?? "");
  const addresses = hosts.filter((host) => isIP(host) !== 0);
  if (addresses.length === 0) return {};
  const checkServerIdentity = (host: string, certificate: PeerCertificate) => {
    const names = host === "localhost" && !hosts.includes(host) ? addresses : [host];
    const problems = names.map((name) => ofNode(name, certificate));
    return problems.includes(undefined) ? undefined : problems[0];
  };
  return { checkServerIdentity };
}

async function secretOf(path: string): Promise<string> {
  const found = await readSecret(path);
  if (found === undefined) throw new FirefliesError("config-unreadable", `There is no file ${path}.`);
  return found;
}

/** By the names that the client gives its errors: classes of two copies of a package differ. */
const BY_NAME: Readonly<Record<string, ErrorCode>> = {
  AuthorizationError: "nats-refused",
  UserAuthenticationExpiredError: "nats-refused",
  PermissionViolationError: "nats-forbidden",
  NoRespondersError: "peer-unreachable",
  TimeoutError: "timeout",
};
/** Of TLS, as Node says them: the server's certificate is not trusted, or it refuses ours. */
const TLS_REFUSED = /certificate|ERR_TLS|ERR_SSL|SELF_SIGNED|CERT_/i;

/** What the client throws, as an error with a code. */
export function natsError(cause: unknown): FirefliesError {
  if (cause instanceof FirefliesError) return cause;
  const code = codeOf(cause);
  return new FirefliesError(code, `NATS: ${textOf(cause)}.`, { cause });
}

function codeOf(cause: unknown): ErrorCode {
  for (let error = cause, depth = 0; error instanceof Error && depth < 4; error = error.cause, depth++) {
    if (/^no responders/i.test(error.message)) return "peer-unreachable";
    const code = BY_NAME[error.name];
    if (code !== undefined && !(code === "timeout" && depth === 0 && cause instanceof Error && cause.cause))
      return code;
    if (TLS_REFUSED.test(`${(error as NodeJS.ErrnoException).code ?? ""} ${error.message}`)) return "nats-refused";
  }
  return "nats-unreachable";
}

function textOf(cause: unknown): string {
  const inner = cause instanceof Error && cause.cause instanceof Error ? `: ${cause.cause.message}` : "";
  return `${messageOf(cause)}${inner}`.replace(/\.$/, "");
}
