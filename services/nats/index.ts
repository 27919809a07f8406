/** fireflies/nats: NATS beside the overlay, and over it. */

export { type BridgeClient, NatsBridge, type NatsBridgeFigures } from "./bridge/bridge.js";
export type { HistoryOptions, StreamMessage } from "./bridge/history.js";
export type { ImporterFigures } from "./bridge/importer.js";
export { type FromNats, fromNats, type Headers as NatsHeaders, type NatsAuthor } from "./bridge/marks.js";
export { type NatsRequestOptions, natsRequest } from "./bridge/requests.js";
export type { NatsBridgeOptions } from "./bridge/settings.js";
export type { StreamSettings } from "./bridge/streams.js";
export { serviceSubject, topicPrefix } from "./bridge/subjects.js";
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
