/**
 * What one end's program ended a stream with, as the other end is told. Some codes are also those of lost connections, after
 * which the stream goes on; from the program they end it, so they travel as a code of their own.
 */
import { type ErrorCode, FirefliesError, ReplyError } from "../../identity/index.js";

/** Ends of a connection after which the next one may go well. */
export const PASSING: readonly ErrorCode[] = [
  ...(["link-closed", "timeout", "peer-unreachable", "peer-refused", "peer-mismatch"] as const),
];
const PREFIX = "stream-ended/";

/** What to end the connection with. */
export function lastWord(error: Error | null): Error {
  const reason = error ?? new FirefliesError("stream-reset");
  if (!isPassing(reason)) return reason;
  // The text may name hosts of this side.
  return new ReplyError("", { code: PREFIX + reason.code });
}

/** What ended the stream at the other end; undefined when the connection alone has ended. */
export function heardLastWord(error: Error): Error | undefined {
  if (error instanceof ReplyError) {
    const code = PASSING.find((each) => error.code === PREFIX + each);
    return code === undefined ? error : new FirefliesError(code, "The other end's program has ended the stream so.");
  }
  return isPassing(error) ? undefined : error;
}

function isPassing(error: Error): error is FirefliesError {
  return error instanceof FirefliesError && PASSING.includes(error.code);
}
