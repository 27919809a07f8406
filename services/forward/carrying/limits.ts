/** Limits of forwarding: what one member, and all together, may have open here, and how long anything waits. */

/** Connections of one forward that one member may have open, unless its settings say otherwise: all streams that it may have. */
export const CONNECTIONS_PER_PEER = 256;
/** Connections of one forward or listener at once: each holds a socket and up to 2 MiB at each end while its reader stands still. */
export const CONNECTIONS = 1_024;
/** The most that settings may ask for. */
export const CONNECTIONS_MAX = 65_536;
/** Milliseconds for the target of a forward to accept: it is near, and who waits has a deadline of its own. */
export const DIAL_MS = 5_000;
/** Milliseconds without a byte in either direction before a connection is ended: an hour, for those that sleep at night. */
export const IDLE_MS = 3_600_000;
/** The most that settings may ask for, in milliseconds: what a timer of Node takes is 2^31. */
export const IDLE_MS_MAX = 2_000_000_000;
/** Of a proxy's user, and of its password: RFC 1929 has one byte for the length of each. */
export const CREDENTIAL_BYTES_MAX = 255;
/** Members that are tried for one connection, one after the other. */
export const ATTEMPTS_MAX = 4;
/** Milliseconds until a member is reached and a stream is open. */
export const OPEN_MS = 10_000;
/**
 * Flows of datagrams of one listener at once, unless its settings say otherwise: half of the streams that one member may have. The
 * one that was used least recently gives way to a new one.
 */
export const FLOWS = 128;
/** Milliseconds without a datagram until a flow is over, unless settings say otherwise: a resolver asks again within seconds, RFC 4787 wants two minutes of NATs. */
export const FLOW_IDLE_MS = 120_000;
/** Datagrams of a flow that wait for its stream: a burst; more are dropped, as any path does. */
export const FLOW_WAITING_MAX = 16;
/** Bytes of a flow that wait for a slow member; what comes then is dropped. */
export const FLOW_AHEAD_BYTES = 256 * 1024;
