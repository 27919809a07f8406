/** How long a client waits when nobody says, milliseconds. Apart, so that commands know it without loading a client. */

/** For a message and its answer: longer than a removal, so that it ends by itself. */
export const SEND_TIMEOUT_MS = 10_000;
/** For a round trip. */
export const PING_TIMEOUT_MS = 2_000;
/** For a member that was named by its address, to answer and to be in the view. */
export const JOIN_TIMEOUT_MS = 10_000;
