/** Settings of a member's part of a NATS cluster, as people write them, checked. */
import { FirefliesError } from "../../../identity/index.js";
import { type AccessRule, parseAccess } from "../../access.js";
import { requireServiceAddress } from "../../service-address.js";
import { CLUSTER_NAME, type ClusterNames, clusterNames } from "./names.js";
import { type NatsAccounts, parseAccounts, type Role } from "./roles.js";
import { NATS_LOG_LEVELS, type NatsLogLevel } from "./server-config.js";

export interface NatsClusterSettings {
  /** 1 to 64 letters, digits, "_" and "-"; "fireflies" by default. */
  readonly clusterName?: string | undefined;
  /** Path of nats-server, the first on PATH by default; false: this member runs none, and only leads programs to others'. */
  readonly server?: string | false | undefined;
  /** "host:port" where programs of this machine connect, as this member; 127.0.0.1 and a free port by default. */
  readonly listen?: string | undefined;
  /** Directory of the server's files, of mode 0700; needed for JetStream. Without it they are temporary. */
  readonly dir?: string | undefined;
  /** The server keeps streams in `dir`. False by default. */
  readonly jetStream?: boolean | undefined;
  /** Bytes of all streams on this disk; three quarters of it by default. */
  readonly storeBytes?: number | undefined;
  /** From which level on the server's log is told; "warn" by default. */
  readonly logLevel?: NatsLogLevel | undefined;
  /** Who is in which account and may say what. By default every member is in one account, and may do all. */
  readonly accounts?: NatsAccounts | undefined;
  /** Which members may run servers of the cluster: a route may do everything. Every member by default; to be said with `accounts`. */
  readonly servers?: readonly string[] | undefined;
}

/** Settings as values. */
export interface Plan {
  readonly cluster: string;
  readonly names: ClusterNames;
  readonly roles: readonly Role[];
  readonly servers: readonly AccessRule[];
  readonly settings: NatsClusterSettings;
}

/** Throws "name-invalid", "access-invalid", "address-invalid" and "config-bad-value". */
export function planCluster(settings: NatsClusterSettings): Plan {
  const { clusterName = CLUSTER_NAME, accounts, servers, jetStream, dir, listen, logLevel } = settings;
  if (accounts !== undefined && servers === undefined) {
    throw new FirefliesError(
      "access-invalid",
      "NATS: accounts says who may do what, and servers does not say who may run one.",
      {
        advice: "Give servers: a member with a route to the others may do everything there.",
      },
    );
  }
  if (jetStream === true && dir === undefined && settings.server !== false)
    throw new FirefliesError("config-bad-value", "JetStream keeps its streams in dir, which is not given.");
  if (listen !== undefined) requireServiceAddress(listen);
  if (logLevel !== undefined && !NATS_LOG_LEVELS.includes(logLevel))
    throw new FirefliesError("config-bad-value", `The log level of NATS is one of ${NATS_LOG_LEVELS.join(", ")}.`);
  return {
    cluster: clusterName,
    names: clusterNames(clusterName),
    roles: parseAccounts(accounts),
    servers: parseAccess(servers ?? ["*"]),
    settings,
  };
}
