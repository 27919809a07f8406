/** What datagrams of programs may hold and send, each with its reason. */

/** Of a program's datagram, bytes: with header and tag it fits into what every path carries without fragments. */
export const DATAGRAM_PAYLOAD_MAX = 1_100;
/** Datagrams to one member that wait for its session; the next is dropped. A session takes a handful of round trips. */
export const WAITING_PER_PEER_MAX = 64;
/** The same of all members together: 2 MiB. */
export const WAITING_MAX = 2_048;
/** Bytes to one member that wait inside of its session; more would only be late. */
export const QUEUED_BYTES_PER_PEER_MAX = 64 * 1024;
/** The same of all members together. */
export const QUEUED_BYTES_MAX = 16 * 1024 * 1024;
/** Members that datagrams go to at one time; who was written to least lately goes first. */
export const FLOWS_MAX = 4_096;
/** A way to a member that nothing went over for so long is closed, milliseconds: the next datagram makes another. */
export const IDLE_MS = 30_000;
/** Between two probes of the UDP path while datagrams are sent, milliseconds. */
export const PROBE_MS = 1_000;
/** The first time, and then twice as long each time: the other end may hear of the flow a moment after a probe. */
export const PROBE_FIRST_MS = 50;
/** A path that answers no probe for so long is given up, milliseconds: three probes, or one lost and a slow one. */
export const SILENT_MS = 3_000;
/** An answer older than this says nothing, milliseconds: NATs forget idle mappings from 30 s on (RFC 4787, REQ-5). */
export const STALE_MS = 15_000;
/** Addresses that one probe goes to. */
export const PLACES_MAX = 6;
/** After a refusal a member is left alone for so long, milliseconds. */
export const REFUSED_MS = 1_000;
/** Datagrams that may be out of order: at 100,000 in a second, 20 ms. */
export const REPLAY_WINDOW = 2_048;
/** Forgeries under one key, after which it opens nothing more: RFC 9001, section 6.6, for ChaCha20-Poly1305. */
export const FORGERIES_MAX = 2 ** 36;
/** Of the protocol's duplex: one datagram in each message, and before them a salt. */
export const DATAGRAM_LIMITS = { bytesMax: DATAGRAM_PAYLOAD_MAX, openPerPeerMax: 4 } as const;
