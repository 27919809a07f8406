/** Limits of services and stubs: what a member may hold here with its calls. */

/** Id of the protocol that carries gRPC connections of programs over a session. */
export const SERVICES = "grpc";
/** Largest message of that protocol, in bytes: what one turn of HTTP/2 hands over. */
export const SERVICE_CHUNK_BYTES_MAX = 64 * 1024;
/** A member of ours keeps one connection for all its stubs of a member; a reconnection may leave one behind for a while. */
export const SERVICE_CONNECTIONS_PER_PEER_MAX = 4;
/**
 * Connections of stubs of one member at once: calls that began over a session that has a better one beside it end there. Below
 * what the other member takes, with one that it may not have seen lost yet.
 */
export const PATHS_MAX = 3;
/** Calls at once on one connection; more wait at the member that calls. */
export const SERVICE_CALLS_MAX = 100;
/** Largest message of a service, in bytes: gRPC's own default. */
export const SERVICE_MESSAGE_BYTES_MAX = 4 * 1024 * 1024;
/** How much a called member may send ahead of the caller's reader, per call and per connection, in bytes. */
export const SERVICE_WINDOW_BYTES = 1024 * 1024;
/**
 * Bytes of messages that were begun and are not whole, of all members together. Beyond it the member that holds most is cut
 * (net/session/budget.ts).
 */
export const SERVICE_MEMORY_MAX = 128 * 1024 * 1024;
/** How long a lost connection is tried again, in milliseconds: the first pause, and the longest. */
export const RECONNECT_MS = { first: 100, longest: 5_000 } as const;
