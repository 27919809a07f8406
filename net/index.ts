/** How two members talk: the room's public list. */
export { onAbort, pause } from "./abort.js";
export {
  type Address,
  type Endpoint,
  formatAddress,
  formatHostPort,
  type HostPort,
  MEETING_SCHEMES,
  NATS_SCHEME,
  PORT_MAX,
  parseAddress,
  parseEndpoint,
  parseHostPort,
  RDV_SCHEME,
  RELAY_SCHEME,
} from "./address.js";
export { type DatagramFigures, Datagrams, type DatagramsOptions } from "./datagrams/datagrams.js";
export { DATAGRAM_PAYLOAD_MAX } from "./datagrams/limits.js";
export { type Deadline, deadlineIn, lateError, msUntil, TIMER_MS_MAX, withDeadline } from "./deadline.js";
export { type Attempt, Dialler, type DiallerOptions, type DialOptions } from "./dialling/dialler.js";
export { refusalToDial } from "./dialling/policy.js";
export {
  type LookUpOptions,
  NameResolver,
  type NameResolverOptions,
  type Resolver,
  type SystemLookUp,
} from "./dialling/resolver.js";
export { SYSTEM_FILES, type SystemFiles, SystemNames } from "./dialling/system-names.js";
export { isProof, Link, type Unreached } from "./links/link.js";
export { LINK_IDLE_MS, Links, type LinksOptions } from "./links/links.js";
export { Paces } from "./links/pace.js";
export { Pauses } from "./links/pauses.js";
export type { Destination } from "./links/reaching.js";
export type { MemoryHost } from "./memory/host.js";
export type { MemoryNatKind } from "./memory/nat.js";
export {
  type Attachable,
  type MemoryEnd,
  type MemoryLan,
  type MemoryLink,
  MemoryNetwork,
} from "./memory/network.js";
export type { PathOptions } from "./memory/path.js";
export type { LanOptions } from "./memory/topology.js";
export { duplexPair } from "./memory/wire.js";
export { type HostNetwork, type Interfaces, transportsOf } from "./network.js";
export type { SummonsFields } from "./pings/codec.js";
export { type PingPeer, Pings, type PingsOptions } from "./pings/pings.js";
export { NotePings, nonceOf } from "./pings/sender.js";
export { PingTable } from "./pings/table.js";
export { Improving } from "./punching/improving.js";
export {
  type Candidate,
  type NatMapping,
  NONCE_BYTES,
  type PunchOffer,
} from "./punching/offer.js";
export { Punches, type PunchesOptions, type PunchFigures, type PunchRun, type PunchWay } from "./punching/punches.js";
export { tcpWay } from "./punching/tcp-punch.js";
export { udxWay } from "./punching/udx-way.js";
export { canonical, isPrivate, type Range, rangeOf } from "./ranges.js";
export { type ConduitEnd, openConduit } from "./relays/conduit.js";
export type { Arrival } from "./relays/conduits.js";
export { RELAY_FAILURES, type RelayFailure, relayOf } from "./relays/failure.js";
export { RELAY_LIMITS, RELAY_PROTOCOL_LIMITS, RELAY_RESERVE, RENEW_MS, type RelayLimits } from "./relays/limits.js";
export { decodeReservation, encodeWish, type Granted } from "./relays/messages.js";
export { RelayRefusal } from "./relays/refusal.js";
export { Relaying, type RelayingFigures } from "./relays/relaying.js";
export { Taking } from "./relays/taking.js";
export { Through } from "./relays/through.js";
export { relayTransport } from "./relays/transport.js";
export {
  DIAL_SCHEMES,
  LISTEN_SCHEMES,
  schemeOf,
  standardTransports,
  type TransportParts,
} from "./schemes.js";
export { Budget } from "./session/budget.js";
export { chunkProblem } from "./session/duplex.js";
export { handedOut } from "./session/garbage.js";
export { SessionHost } from "./session/host.js";
export { iterated, MessageDuplex } from "./session/message-duplex.js";
export type { ConnectOptions, SessionHostOptions } from "./session/options.js";
export { conduitPath, type Path, type PathKind, pathOf } from "./session/path.js";
export { type CallProtocol, type DuplexProtocol, type Limits, type Protocol, Protocols } from "./session/protocol.js";
export { release, releaseMessage } from "./session/release.js";
export { SelfSession } from "./session/self.js";
export type { ByteDuplex, Ending, OpenOptions, Session } from "./session/session.js";
export { asFirefliesError, ERROR_TEXT_MAX, errorText, type PeerError } from "./session/status.js";
export { Stack, type StackOptions } from "./stack.js";
export { DialError, type DialReason, PeerMismatch } from "./transports/dial-error.js";
export { ConnectionGate, type GateLimits } from "./transports/gate.js";
export { OutPort } from "./transports/out-port.js";
export { resetNow, type TcpOptions, tcpTransport } from "./transports/tcp.js";
export type { Bound, DialTarget, ListenAddress, Transport } from "./transports/transport.js";
export type { UdxCounts } from "./transports/udx/counts.js";
export { UdxEndpoint } from "./transports/udx/endpoint.js";
export type { UdxConnectionFigures, UdxFigures } from "./transports/udx/figures.js";
export { type UdxOptions, udxTransport } from "./transports/udx/udx.js";
export type { UpgradeSource, WsServer } from "./transports/ws/upgrade-source.js";
export { type WsOptions, type WsTls, wssTransport, wsTransport } from "./transports/ws/ws.js";
export { DATAGRAM_BYTES_MAX, type DatagramCarrier } from "./udp/carrier.js";
export { type DatagramKind, firstByteOf, UdpPort, type UdpPortOptions } from "./udp/port.js";
