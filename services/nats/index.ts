/** fireflies/nats: NATS beside the overlay, and over it. */
export {
  NatsCluster,
  type NatsClusterHooks,
  startNatsCluster,
} from "./cluster/cluster.js";
export { type NatsClientOptions, natsClient } from "./cluster/nats-client.js";
export type { NatsClusterSettings } from "./cluster/plan.js";
export type { NatsAccounts, NatsRole } from "./cluster/roles.js";
export type { NatsLogLevel } from "./cluster/server-config.js";
export type { LogLine as NatsLogLine } from "./cluster/server-log.js";
export { connectNats, type NatsServers } from "./connection/connect.js";
export { type NatsTransportOptions, natsTransport } from "./path/transport.js";
