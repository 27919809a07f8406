/** How two members talk: the room's public list. */
export { onAbort } from "./abort.js";
export {
  type Address,
  type Endpoint,
  formatAddress,
  formatHostPort,
  type HostPort,
  PORT_MAX,
  parseAddress,
  parseEndpoint,
  parseHostPort,
} from "./address.js";
export { type Deadline, deadlineIn, lateError, msUntil, TIMER_MS_MAX, withDeadline } from "./deadline.js";
export { DialError, type DialReason, PeerMismatch } from "./dialling/dial-error.js";
export type { Attempt, Dial, DiallerOptions, DialOptions } from "./dialling/dialler.js";
export type { LookUpOptions, Resolver } from "./dialling/resolver.js";
export { type CallProtocol, type DuplexProtocol, type Limits, type Protocol, Protocols } from "./protocol.js";
export { SessionHost } from "./session/host.js";
export type { ConnectOptions, SessionHostOptions } from "./session/options.js";
export type { ByteDuplex, OpenOptions, Path, Session } from "./session/session.js";
export type { Bound, DialTarget, ListenAddress, Transport } from "./transports/transport.js";
