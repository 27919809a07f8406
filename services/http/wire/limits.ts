/** Limits of HTTP between members: what one member, and all together, may hold open here, and how long anything waits. */

/** The protocol of the streams that are HTTP/1.1 connections, unless a program names another one. */
export const HTTP_PROTOCOL = "/http/1.1";
/** Connections of one member at once at one server: a busy caller's pool, twice, as it may have lost the first one. */
export const CONNECTIONS_PER_PEER = 128;
/** All streams that a member may have open. */
export const CONNECTIONS_PER_PEER_MAX = 256;
/** Connections of all members at once at one server. */
export const CONNECTIONS = 1_024;
/** The most that options may ask for. */
export const CONNECTIONS_MAX = 65_536;
/** Milliseconds between two looks at requests that take too long to arrive. */
export const SWEEP_MS = 1_000;
/** Milliseconds for requests that run when a server is closed; as `Client.stop` has it. */
export const DRAIN_MS = 5_000;
/** Milliseconds for the other end to end a connection that this end has ended: until then it reads what was on the way. */
export const LINGER_MS = 1_000;
/** Connections of one caller to one host at once; requests above it wait for one. Two such pools fit into what a server takes. */
export const POOL_PER_HOST = 64;
/** Connections of one caller at once, to all hosts. */
export const POOL = 512;
/** Connections to one host that wait for the next request. */
export const POOL_IDLE_PER_HOST = 64;
/** Milliseconds that one waits. Below what servers wait: Node's time is 5 s, and they say so by Keep-Alive. */
export const POOL_IDLE_MS = 15_000;
/** Milliseconds until a member is reached and a stream to it is open. */
export const OPEN_MS = 10_000;
/** Members that offer a service and are tried for one request, one after the other. */
export const ATTEMPTS_MAX = 4;
/** Requests of one `memberFetch` that have no answer yet: each holds a few kilobytes, and its body. */
export const REQUESTS_MAX = 8_192;
/** Milliseconds without a byte of the answer until a request fails with "timeout": what fetch of Node has. */
export const SILENCE_MS = 300_000;
/** Redirects that are followed: the Fetch standard's number. */
export const REDIRECTS_MAX = 20;
/** Largest message of a stream, in bytes: as STREAM_CHUNK_BYTES_MAX of client/protocols.ts, which would load a member. */
export const CHUNK_BYTES_MAX = 1024 * 1024;
