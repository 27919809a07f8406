/** An error that a program means for the other side: the one kind of thrown error whose words cross the wire. */
import { shown } from "./shown.js";

/** Characters of a program's code, and which. With what stands before it, it fits the code of an error on the wire. */
export const REPLY_CODE_MAX = 56;
const CODE = /^[A-Za-z0-9._/-]{1,56}$/;
/** Before a program's code on the wire: none of our own codes holds a colon. */
const PREFIX = "reply:";

/** What a `ReplyError` carries beside its text. */
export interface ReplyErrorOptions {
  /** For programs: 1 to 56 characters of A-Z a-z 0-9 . _ / - that mean something to both sides. */
  readonly code?: string | undefined;
  /** Stays here: the other side gets message and code. */
  readonly cause?: unknown;
}

/**
 * Thrown by a handler of messages, gossip, streams or services on purpose: the other side gets the same error, message (its
 * first 512 characters) and code. Any other error that a handler throws reaches it as "handler-failed" with a general
 * sentence, and this program as an alarm. The message of an error that a peer sent is one line that is safe to print.
 */
export class ReplyError extends Error {
  override readonly name = "ReplyError";
  /** What the one who threw it gave; undefined if nothing. */
  readonly code: string | undefined;

  /** Throws a TypeError for a code of another form. */
  constructor(message: string, { code, cause }: ReplyErrorOptions = {}) {
    super(message, cause === undefined ? undefined : { cause });
    if (code !== undefined && !isReplyCode(code)) {
      throw new TypeError(`A code is 1 to ${REPLY_CODE_MAX} characters of A-Z a-z 0-9 . _ / -, not "${shown(code)}".`);
    }
    this.code = code;
  }
}

/** Whether this may be a program's code. */
export function isReplyCode(code: unknown): code is string {
  return typeof code === "string" && CODE.test(code);
}

/** As the code of an error on the wire. */
export function replyCode({ code = "" }: ReplyError): string {
  return `${PREFIX}${code}`;
}

/** What a peer sent under such a code; undefined for any other code. */
export function readReply(code: string, text: string): ReplyError | undefined {
  if (!code.startsWith(PREFIX)) return undefined;
  const own = code.slice(PREFIX.length);
  if (own !== "" && !isReplyCode(own)) return undefined;
  return new ReplyError(shown(text), own === "" ? {} : { code: own });
}
