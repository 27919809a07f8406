/** Limits of lasting streams, each with its reason. */

/**
 * What a writer may have written and the other side's reader not been given yet, as weight: the bytes of the messages, and
 * MESSAGE_WEIGHT for each. Either end may hold so much of either direction. As much as a session through relays has under way.
 */
export const WINDOW = 4 * 1024 * 1024;
/** What a message weighs beside its bytes: an entry in a list, and its buffer. */
export const MESSAGE_WEIGHT = 64;
/** The writer is told each time that so much has been taken: often enough that it need not wait. */
export const ACK_EVERY = WINDOW / 16;
/**
 * The same while all streams together hold CROWDED: twice what the other end has taken between two of its acknowledgements, so
 * that the writer goes on.
 */
export const WINDOW_CROWDED = 2 * ACK_EVERY;
/** How long the end that opened a stream tries to make another connection, milliseconds. */
export const RECONNECT_MS = 30_000;
/** How long the end that accepted one waits for that, milliseconds: it may have seen the loss first. */
export const AWAIT_MS = RECONNECT_MS + 10_000;
/** Of one try: until the other end has answered, milliseconds; a dial has a deadline of its own. */
export const ANSWER_MS = 5_000;
/** Between tries, milliseconds: doubled from the first to the last. */
export const PAUSE_MS = { first: 50, longest: 2_000 } as const;
/** Streams that have ended and are remembered, in case the other end has not heard of it: for AWAIT_MS, and so many. */
export const ENDED_MAX = 1_024;
/**
 * Bytes that all lasting streams together hold, for their readers and to be sent again; beyond, streams of the member that has
 * most are cut. Twice what sessions may hold (net/session/budget.ts), since a stream may hold twice as much: 64 whose readers
 * have stopped.
 */
export const MEMORY_MAX = 256 * 1024 * 1024;
/** Share of that from which on writers have a smaller window: they wait before anybody is cut. */
export const CROWDED_SHARE = 0.5;
/**
 * Streams that this end has ended while they had no connection. For RECONNECT_MS it tries to connect and tell the other end.
 * If there are more, it gives up the oldest: their other ends notice after AWAIT_MS.
 */
export const PARTING_MAX = 256;
