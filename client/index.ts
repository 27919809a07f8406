/** fireflies: membership and gossip for services that must not be fooled. */

export {
  ERROR_CODES,
  type ErrorCode,
  type ErrorCodeEntry,
  FirefliesError,
  type FirefliesErrorOptions,
  type IdentityPem,
  type Logger,
  REPLY_CODE_MAX,
  ReplyError,
  type ReplyErrorOptions,
} from "../identity/index.js";
export {
  type Address,
  type Bound,
  type ByteDuplex,
  DATAGRAM_PAYLOAD_MAX as DATAGRAM_BYTES_MAX,
  type DatagramCarrier,
  type DatagramFigures,
  DialError,
  type DialReason,
  type DialTarget,
  type HostNetwork,
  type LanOptions,
  type ListenAddress,
  type MemoryEnd,
  type MemoryHost,
  type MemoryLan,
  type MemoryLink,
  type MemoryNatKind,
  MemoryNetwork,
  type PathOptions,
  type Resolver,
  type SystemFiles,
  type TcpOptions,
  type Transport,
  tcpTransport,
  type UdxConnectionFigures,
  type UdxCounts,
  type UdxFigures,
  type UpgradeSource,
  type WsOptions,
  type WsServer,
  type WsTls,
  wssTransport,
  wsTransport,
} from "../net/index.js";
export type { MemberId } from "../rings/index.js";
export { Client } from "./client.js";
export type { Adjustments } from "./config/adjustable.js";
export { type ClientOptions, PRESETS, type Preset, type PresetName, type TopicRetention } from "./config/index.js";
export type { Discovery, DiscoveryInfo, DiscoverySelf } from "./discovery/discovery.js";
export { type DnsDiscoveryOptions, dnsDiscovery, srvDiscovery } from "./discovery/dns.js";
export { type FileDiscoveryOptions, fileDiscovery } from "./discovery/file.js";
export { type KubernetesDiscoveryOptions, kubernetesDiscovery } from "./discovery/kubernetes.js";
export { type MdnsDiscoveryOptions, mdnsDiscovery } from "./discovery/mdns.js";
export { decodeJson, decodeText, encodeJson, encodeText } from "./encoding.js";
export type { Named } from "./evidence/bundle.js";
export { type EvidenceReport, type ProvenStatement, verifyEvidence } from "./evidence/verify.js";
export { type Caller, type CallerCertificate, callerOf } from "./grpc/caller.js";
export type { StubClass } from "./grpc/calling.js";
export type { HistoryEvent, HistoryGap, HistoryKind, HistoryOptions } from "./history/event.js";
export type { ExplainedAccusation, ExplainedAccuser, ExplainedStanding, Explanation } from "./history/explanation.js";
export { NAME_BYTES_MAX } from "./offers/name.js";
export type { MemberConnections } from "./paths/connections.js";
export type { SessionInfo } from "./paths/paths.js";
export type { Identified } from "./program/identify.js";
export { MESSAGE_BYTES_MAX, STREAM_CHUNK_BYTES_MAX } from "./protocols.js";
export type { ShownCertificate, VerifyMessageOptions } from "./proven-sender.js";
export type { DialOutcome } from "./reach/codec.js";
export type { Disk, DoctorAddress, DoctorFinding, DoctorMember, DoctorReport } from "./reach/doctor.js";
export type { NatKind, Observed } from "./reach/observations.js";
export type { RendezvousInfo } from "./reach/rendezvous.js";
export type { Dialable } from "./reach/verdict.js";
export { type OpenStreams, STREAMS_OF_PEER_MAX, STREAMS_PER_PEER_MAX } from "./talk/streams.js";
export { SEND_TIMEOUT_MS } from "./timeouts.js";
export type {
  AckLevel,
  DeadLetterHandler,
  Published,
  PublishOptions,
  SubscribeOptions,
  Subscriber,
  Subscription,
  SubscriptionFigures,
  TopicEvent,
  TopicHandler,
  TopicHistory,
  TopicInfo,
  TopicMessage,
  Unacknowledged,
} from "./topics/types.js";
export { type ProvenTopicFork, type ProvenTopicMessage, verifyTopicFork, verifyTopicMessage } from "./topics/verify.js";
export type { Follow, Followed, Operation } from "./traffic/following.js";
export type { Durations, TallyInfo } from "./traffic/tally.js";
export type { TraceContext } from "./traffic/trace-context.js";
export type {
  SignatureChecks,
  TrafficBothWays,
  TrafficByName,
  TrafficInfo,
  TrafficTotals,
} from "./traffic/traffic.js";
export type {
  AlarmHandler,
  Change,
  ChangesOptions,
  ClientInfo,
  DatagramHandler,
  Departed,
  FailureReason,
  GossipHandler,
  HandleOptions,
  Isolated,
  Member,
  MemberPath,
  MessageContext,
  MessageHandler,
  MessageStream,
  Metadata,
  Missing,
  MissingHandler,
  OfferOptions,
  OpenedContext,
  PathChange,
  PathCounts,
  PathName,
  PingOptions,
  RawStreamHandler,
  RelayInfo,
  RelayTrouble,
  ResponseContext,
  ResponseHandler,
  RingNeighbours,
  RoundTrip,
  Sender,
  SendOptions,
  SendToAnyOptions,
  ServeOptions,
  SignedContext,
  StopOptions,
  StreamHandler,
  StreamOptions,
} from "./types.js";
export { type ProvenMessage, verifyMessage } from "./verify-message.js";
export type { MemberFilter } from "./view/member-filter.js";
