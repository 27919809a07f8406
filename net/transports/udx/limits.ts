/** Limits of connections over reliable UDP, each with its reason. */

/**
 * Bytes that a sender may have under way, of one direction: what one reader that stops makes us hold. It carries 80 Mbit/s
 * at 100 ms of round trip.
 */
export const WINDOW_BYTES = 1024 * 1024;
/** Bytes before the reader has read any: a ClientHello fits, and 4,096 strangers that are held cost 64 MiB. */
export const FIRST_WINDOW_BYTES = 16 * 1024;
/**
 * Bytes that have come and are not in order yet. An honest sender has no more than its window under way, and sends some of
 * that again. The library itself has no limit.
 */
export const DISORDER_BYTES_MAX = 4 * WINDOW_BYTES;
/** Once all was sent both ways: for the last acknowledgement, milliseconds. */
export const LINGER_MS = 10_000;
/** Until another path must have taken over, milliseconds. */
export const MOVE_MS = 5_000;
/** A path that is in use says where it comes from every so many milliseconds: so long a changed address stands still. */
export const PATH_BUSY_MS = 500;
/** The same of one on which nothing passes: well below the 4 s in which a session is given up (session/watch.ts). */
export const PATH_IDLE_MS = 2_000;
/** Nothing has passed for so many milliseconds: idle. */
export const BUSY_MS = 5_000;
/** Between looks at all connections, milliseconds. */
export const LOOK_MS = 250;
/** From the first datagram of a dial until it is given up, milliseconds. */
export const HANDSHAKE_MS = 5_000;
/** The first wait for an answer, milliseconds; each next one is twice as long. RFC 6298 begins with 1 s; a LAN needs less. */
export const RETRY_MS = 200;
/** An accepted dial is remembered so long, in milliseconds, for the answer that was lost. */
export const REMEMBERED_MS = HANDSHAKE_MS;
/** Connections on which nothing has come yet, in all and of one network of addresses. */
export const HALF_OPEN_MAX = 1_024;
export const HALF_OPEN_PER_SOURCE_MAX = 256;
/** Connections of one endpoint. */
export const CONNECTIONS_MAX = 16_384;
/** Answers to strangers, in all: each costs an HMAC and a datagram, 10 us. Then only what has a cookie is heard. */
export const ANSWERS_PER_SECOND = 4_000;
/** The same of one network of addresses, and as many dials with a cookie: they cost a key agreement, 200 us. */
export const ANSWERS_PER_SOURCE_PER_SECOND = 200;
export const DIALS_PER_SOURCE_PER_SECOND = 100;
/** Sources that are remembered: some hundred bytes each. */
export const SOURCES_MAX = 4_096;
/** Challenges of one connection a second. */
export const CHALLENGES_PER_SECOND = 4;
/**
 * Answers to challenges of one connection that are looked at, a second: each may move the connection, which takes another
 * lane. Twice as many as there are challenges, since an answer may come twice.
 */
export const RESPONSES_PER_SECOND = 2 * CHALLENGES_PER_SECOND;
