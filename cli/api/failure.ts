/** A failure as it travels on the agent's API, on both sides of it. */
import { isErrorCode } from "../../identity/errors/codes.js";
import { FirefliesError } from "../../identity/errors/error.js";
import { type ReplyError, readReply } from "../../identity/errors/reply-error.js";

/** What a program reads of a failure. Of what another member's handler threw for its caller, the code begins with "reply:". */
export interface Failure {
  readonly code: string;
  readonly message: string;
  readonly advice: string;
}

export function malformed(message: string): FirefliesError {
  return new FirefliesError("control-malformed", message);
}

/** What a body says of a failure; undefined for what is none. */
export function errorIn(body: unknown): FirefliesError | ReplyError | undefined {
  const { code, message, advice } = (body ?? {}) as Partial<Record<keyof Failure, unknown>>;
  if (typeof code !== "string" || typeof message !== "string") return undefined;
  const said = typeof advice === "string" ? { advice } : {};
  if (isErrorCode(code)) return new FirefliesError(code, message, said);
  return readReply(code, message) ?? new FirefliesError("control-malformed", message, said);
}
