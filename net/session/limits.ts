/** Limits of sessions: what a member may hold, and for how long. */
import type { Path } from "./path.js";

/** From accept to proof, in milliseconds: a slow path needs one, a silent socket gets no more. */
export const HANDSHAKE_TIMEOUT_MS = 5_000;
/**
 * So long, in milliseconds, after its handshake a session takes what has come along with it: it is in the same packets. What is
 * held up on the way for longer, its sender has given up.
 */
export const EARLY_MS = HANDSHAKE_TIMEOUT_MS;
/**
 * Unfinished handshakes at once. Beyond, the oldest is dropped: honest ones take milliseconds. A transport with a gate
 * (dialling/gate.ts) keeps them below this, and is fair between addresses.
 */
export const HANDSHAKES_MAX = 1_024;
/** Accepted sessions at once, about 100 KB each. */
export const ACCEPTED_MAX = 4_096;
/** Accepted sessions of one member. It needs one; a restart may leave one behind for a while. Beyond, the oldest is closed. */
export const ACCEPTED_PER_MEMBER_MAX = 4;
/** Calls and duplexes at once on one session, by HTTP/2: protocols have lower limits of their own, all sessions counted. */
export const STREAMS_PER_SESSION_MAX = 512;
/** Spare calls that an accepting end holds: a dialling end of ours opens one when there is none ... */
export const SPARES_MAX = 4;
/** ... and those that calls back have used are kept for the next ones, up to so many. */
export const SPARES_KEPT_MAX = 2;
/** Opens that wait for the dialling side to offer the next spare call, per session. */
export const OPENS_WAITING_MAX = 256;
/** How long one of them waits at most, in milliseconds: a round trip is enough. */
export const OPEN_WAIT_MS = 10_000;
/**
 * Signs of life that are not answered yet, per session: one a second, and each answer comes behind all that is on its way to
 * us. A window's bytes take 100 seconds at 80 kbit/s.
 */
export const PULSES_MAX = 100;
/** HTTP/2 pings without an answer: those, one in a silence, one that measures, and some to spare. Node's own limit is 10. */
export const PINGS_MAX = PULSES_MAX + 8;
/** How long a closed session's last words may take, in milliseconds, before the connection is cut. */
export const CLOSE_GRACE_MS = 500;
/** How long an end's last word may wait for room, in milliseconds, before the stream is reset without it. */
export const LAST_WORD_MS = 1_000;
/** What the called side learns of a deadline is a little longer than the caller's, so that the caller's decides. */
export const DEADLINE_SLACK_MS = 250;
/** How long an answer may wait for a caller that does not read it, in milliseconds. */
export const ANSWER_TIMEOUT_MS = 30_000;
/**
 * How much the other side may send ahead of its reader, per stream and per session, in bytes: HTTP/2's own 64 KiB let a
 * stream wait more than it moves. Held only where a reader has stopped, and then counted (budget.ts).
 */
export const WINDOW_BYTES = 1024 * 1024;
/**
 * The same of a session through other members, in bytes: bytes are on their way through four processes and both directions of
 * each of its hops, and one window is under way on all of them together.
 */
export const RELAYED_WINDOW_BYTES = 4 * WINDOW_BYTES;

export function windowMax({ kind }: Pick<Path, "kind">): number {
  return kind === "relayed" ? RELAYED_WINDOW_BYTES : WINDOW_BYTES;
}

/** Bytes written to a duplex and not sent by HTTP/2 yet, before its writer is to wait. */
export const WRITE_AHEAD_BYTES = 512 * 1024;
/** What a gRPC message adds to its body: at most two tags and two lengths, in bytes. */
const ENVELOPE_BYTES = 16;
/** A code and a text, in bytes: what ends a direction out of order, in any protocol. */
const END_BYTES_MAX = 2 * 1024;

/** Bytes of a gRPC message of a protocol whose messages have at most `bytesMax`. */
export function wireMax(bytesMax: number): number {
  return Math.max(bytesMax + ENVELOPE_BYTES, END_BYTES_MAX);
}
/** The first piece of a call back, in bytes: an id of 64 characters, a time, a name of 128 bytes; and what later versions add. */
export const CLAIM_BYTES_MAX = 256 + 1024;
/** All header fields of a call together, in bytes; ours take about 300. */
export const HEADERS_BYTES_MAX = 8 * 1024;
