/**
 * The file that nats-server reads, from values. It is JSON, which its own format includes, so nothing that a person wrote can
 * end a string of it. https://docs.nats.io/running-a-nats-service/configuration
 */
import type { Standing } from "./roles.js";

/** Of the server's log. "error" and "warn" say what is wrong; "debug" and "trace" are asked of the server. */
export type NatsLogLevel = "error" | "warn" | "info" | "debug" | "trace";
export const NATS_LOG_LEVELS: readonly NatsLogLevel[] = ["error", "warn", "info", "debug", "trace"];

/** What a server may keep on its disk, for streams. */
export interface StoreSettings {
  readonly directory: string;
  /** Bytes; the server takes three quarters of the disk when nothing is said. */
  readonly fileBytes: number | undefined;
}

export interface NatsUser extends Standing {
  /** The public key of the member here: "U...". */
  readonly nkey: string;
}

export interface ServerFacts {
  /** One in the whole cluster, and the same after a restart: JetStream counts its votes by it. */
  readonly name: string;
  readonly clusterName: string;
  readonly logLevel: NatsLogLevel;
  /** What a route to this server says: known to the member itself and this file. */
  readonly routeSecret: string;
  /** Loopback ports at which the member takes its own server's routes to others, and what proves that they are its own. */
  readonly routes: readonly { readonly port: number; readonly secret: string }[];
  readonly users: readonly NatsUser[];
  readonly accounts: readonly string[];
  readonly store: StoreSettings | undefined;
}

export const ROUTE_USER = "route";
/** Where nobody listens: what servers tell each other of addresses leads nowhere, all routes go by members. */
export const NOWHERE = "127.0.0.1:1";
/** Any free port of this machine alone. */
const LOCAL = "127.0.0.1:-1";

export function serverConfig(facts: ServerFacts): string {
  const { name, clusterName, logLevel, routeSecret, routes, users, accounts, store } = facts;
  return `${JSON.stringify(
    {
      server_name: name,
      listen: LOCAL,
      debug: logLevel === "debug" || logLevel === "trace",
      trace: logLevel === "trace",
      logtime: false,
      cluster: {
        name: clusterName,
        listen: LOCAL,
        no_advertise: true,
        advertise: NOWHERE,
        connect_retries: 0,
        authorization: { user: ROUTE_USER, password: routeSecret, timeout: ROUTE_AUTH_S },
        routes: routes.map(({ port, secret }) => `nats-route://${ROUTE_USER}:${secret}@127.0.0.1:${port}`),
      },
      ...(store && {
        jetstream: {
          store_dir: store.directory,
          ...(store.fileBytes !== undefined && { max_file_store: store.fileBytes }),
        },
      }),
      accounts: Object.fromEntries(
        accounts.map((account) => [
          account,
          {
            ...(store && { jetstream: "enabled" }),
            users: users.filter((user) => user.account === account).map(userEntry),
          },
        ]),
      ),
    },
    undefined,
    2,
  )}\n`;
}

/** Seconds for a route to prove itself: it comes by way of two members. */
const ROUTE_AUTH_S = 5;

function userEntry({ nkey, publish, subscribe }: NatsUser): object {
  if (publish === undefined && subscribe === undefined) return { nkey };
  const permissions = {
    ...(publish !== undefined && { publish: only(publish) }),
    ...(subscribe !== undefined && { subscribe: only(subscribe) }),
  };
  return { nkey, permissions };
}

/** An empty list of what is allowed would allow everything. */
function only(subjects: readonly string[]): object {
  return subjects.length === 0 ? { deny: [">"] } : { allow: subjects };
}
