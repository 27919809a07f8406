/** What others may make a client or a server hold, and for how long. Each with its unit and its reason. */

/** Bytes of an HTTP head, as Node.js and most servers allow: room for an application's credentials. */
export const HEAD_BYTES_MAX = 16_384;
/** Header lines of a head. */
export const HEADERS_MAX = 100;
/** Bytes of a line between peers, or of a command, with its end: the buffer of the reference implementation. */
export const LINE_BYTES_MAX = 4_096;
/** Bytes of an escaped token: with "rdv/1 ACCEPT " before it and "\n" behind it, it fills a line. */
export const TOKEN_BYTES_MAX = LINE_BYTES_MAX - "rdv/1 ACCEPT \n".length;
/** Self addresses of a request. */
export const SELF_ADDRESSES_MAX = 9;
/** Peer addresses of an answer: the other's own and the observed one. */
export const PEER_ADDRESSES_MAX = SELF_ADDRESSES_MAX + 1;
/** Bytes of a refusal's body that a client reads: a line or two for people. */
export const BODY_BYTES_MAX = 1_024;

/**
 * Milliseconds of whatever has no time-out by itself, when the program gave none: an hour. The reference waits without
 * an end, which leaves sockets behind.
 */
export const LONGEST_WAIT_MS = 3_600_000;
/** The longest time that a timer of Node.js holds, in milliseconds. */
const TIMER_MS_MAX = 2_147_483_647;
/** Milliseconds for what only needs the other side's machine: a TCP or TLS handshake, a head that has begun. */
export const PROMPT_MS = 10_000;
/** Milliseconds in which a last answer may leave before the connection is cut. */
export const LAST_WORD_MS = 1_000;
/** Milliseconds after which the system asks a silent other side whether it is still there. */
export const KEEP_ALIVE_MS = 30_000;

/** Milliseconds for a timer; `LONGEST_WAIT_MS` for undefined, and for 0, which means "no time-out of its own". */
export function waitMs(given: number | undefined): number {
  return given === undefined || given === 0 ? LONGEST_WAIT_MS : Math.min(given, TIMER_MS_MAX);
}
