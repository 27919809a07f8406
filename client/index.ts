/** fireflies: membership and gossip for services that must not be fooled. */
export { ERROR_CODES, type ErrorCode, type ErrorCodeEntry, FirefliesError } from "../identity/index.js";
export type { MemberId } from "../rings/index.js";
export { Client, type ClientParts, SEND_TIMEOUT_MS } from "./client.js";
export { type ClientOptions, PRESETS, type Preset, type PresetName } from "./config/index.js";
export { grpcTransport } from "./grpc/transport.js";
export { MemoryNetwork } from "./memory.js";
export {
  type ByteDuplex,
  type CallKind,
  type CallOptions,
  type DialOptions,
  type DuplexKind,
  type Link,
  type Listener,
  type ListenOptions,
  MESSAGE_BYTES_MAX,
  STREAM_CHUNK_BYTES_MAX,
  type Transport,
  type TransportHandlers,
  type TransportOptions,
} from "./transport.js";
export type {
  AlarmHandler,
  Change,
  ClientInfo,
  GossipHandler,
  Isolated,
  Member,
  MessageContext,
  MessageHandler,
  MessageStream,
  Metadata,
  ResponseHandler,
  RingNeighbours,
  Sender,
  SendOptions,
  SignedContext,
  StreamHandler,
} from "./types.js";
export { type ProvenMessage, type VerifyMessageOptions, verifyMessage } from "./verify-message.js";
