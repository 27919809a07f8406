/** Why a request failed, and whether it may be made again. */
import { FirefliesError } from "../../../identity/index.js";
import { ATTEMPTS_MAX } from "../wire/limits.js";
import type { Asked } from "./asked.js";

/** A request without an answer. */
export class Unanswered {
  readonly error: unknown;
  /** It went over a connection that had been kept. */
  readonly wasKept: boolean;

  constructor(error: unknown, wasKept: boolean) {
    this.error = error;
    this.wasKept = wasKept;
  }
}

/** Codes of those that cannot have handled it. */
const UNHANDLED: ReadonlySet<unknown> = new Set(["handler-missing", "overloaded", "peer-refused", "peer-unreachable"]);
/** Codes of those that may have. */
const LOST: ReadonlySet<unknown> = new Set([
  ...["link-closed", "peer-removed", "member-stopping", "stream-reset", "ECONNRESET"],
]);
/** Methods whose second time changes nothing: RFC 9110, section 9.2.2. */
const IDEMPOTENT: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS", "PUT", "DELETE"]);

/** `isOfService`: another member may answer. */
export function mayAskAgain(
  { error, wasKept }: Unanswered,
  asked: Asked,
  { attempt, isOfService }: { readonly attempt: number; readonly isOfService: () => boolean },
): boolean {
  if (attempt >= ATTEMPTS_MAX || asked.signal.aborted || asked.body instanceof ReadableStream) return false;
  const { code } = (error ?? {}) as { readonly code?: unknown };
  const isSafe = UNHANDLED.has(code) || (LOST.has(code) && IDEMPOTENT.has(asked.method));
  // A server ends a connection that was kept when the next request is on its way.
  return isSafe && ((wasKept && LOST.has(code)) || isOfService());
}

/** What the network says, instead of what a socket would. */
export function causeOf(error: unknown): unknown {
  const { code } = (error ?? {}) as { readonly code?: unknown };
  if (code !== "ECONNRESET") return error;
  return new FirefliesError("link-closed", "The other side ended the connection.", { cause: error });
}
