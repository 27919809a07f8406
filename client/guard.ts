/** What every transport does around the owner's handlers and around waiting: deadlines kept, throws contained. */

import { dateProblem, type ErrorCode, FirefliesError, isErrorCode, type MemberCertificate } from "../identity/index.js";
import type { MemberId } from "../rings/index.js";
import { onAbort } from "./abort.js";
import type { ByteDuplex, CallKind, CallOptions, TransportHandlers, TransportOptions } from "./transport.js";

/** Text of a failure that crosses the wire, in characters: enough to understand it, too little to leak a state. */
export const ERROR_TEXT_MAX = 512;

/** setTimeout's longest, 24 days: beyond, it warns and fires at once. */
export const TIMER_MS_MAX = 2 ** 31 - 1;

/** Why `peer` may not talk to us now, as the error it gets; undefined when it may (R17). */
export function refusalOf(
  peer: MemberCertificate,
  handlers: Pick<TransportHandlers, "admit">,
  { now, current }: Pick<TransportOptions, "now" | "current">,
): FirefliesError | undefined {
  const isOver = dateProblem(peer, now()) !== undefined;
  const successor = isOver && current !== undefined ? current(peer) : peer;
  const dates = dateProblem(successor, now());
  if (dates !== undefined) return certificateRefused(dates);
  // Of a key that was given up both certificates may be named, or, once the first is forgotten, the second alone.
  const reason = admission(peer, handlers) ?? (successor === peer ? undefined : admission(successor, handlers));
  if (reason === undefined) return undefined;
  return new FirefliesError(
    isErrorCode(reason) ? reason : "peer-refused",
    `The member refuses this caller: ${reason}.`,
  );
}

function admission(peer: MemberCertificate, handlers: Pick<TransportHandlers, "admit">): string | undefined {
  try {
    return handlers.admit(peer);
  } catch {
    return "the check failed"; // When in doubt, out.
  }
}

/** The error for a certificate that `verifyMemberCertificate` or `dateProblem` refused. */
export function certificateRefused(reason: string): FirefliesError {
  return new FirefliesError(
    "certificate-invalid",
    `The other side's certificate is refused: ${reason}. Check that both belong to the same network and their clocks agree.`,
  );
}

/** The owner's answer; whatever the handler throws becomes a rejection with a FirefliesError. */
export async function answerCall(
  handlers: TransportHandlers,
  peer: MemberCertificate,
  kind: CallKind,
  body: Uint8Array,
  signal: AbortSignal,
): Promise<Uint8Array> {
  try {
    return await handlers.onCall(peer, kind, body, signal);
  } catch (error) {
    throw asFirefliesError(error, "handler-failed");
  }
}

/** Runs the owner's handler; what it throws ends this duplex and nothing else. */
export function contained(run: () => void, duplex: ByteDuplex): void {
  try {
    run();
  } catch (error) {
    duplex.destroy(error instanceof FirefliesError ? error : new FirefliesError("handler-failed"));
  }
}

/** "peer-mismatch", with both ids: another member answered at an address, and proved who it is. */
export class PeerMismatch extends FirefliesError {
  readonly found: MemberId;

  constructor(address: string, expected: MemberId, found: MemberId) {
    super("peer-mismatch", `${address} is member ${found}, not ${expected}. Look the member up again.`);
    this.found = found;
  }
}

/** `error` itself if it is ours, else one with `code` and the text of `error`. */
export function asFirefliesError(error: unknown, code: ErrorCode): FirefliesError {
  if (error instanceof FirefliesError) return error;
  return new FirefliesError(code, errorText(error) || undefined, { cause: error });
}

/** What an unknown thrown value says, cut to a length that may travel. Never throws. */
export function errorText(error: unknown): string {
  try {
    return String(error instanceof Error ? error.message : error).slice(0, ERROR_TEXT_MAX);
  } catch {
    return "";
  }
}

/**
 * Runs `start` until its promise settles, `timeoutMs` pass ("timeout") or the caller's signal fires ("cancelled").
 * The signal given to `start` fires in both cases. Leaves no timer or listener behind.
 */
export async function withDeadline<T>(
  { signal, timeoutMs }: CallOptions,
  start: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  if (signal?.aborted) throw new FirefliesError("cancelled");
  const controller = new AbortController();
  const { promise: stopped, stop } = stopper(controller);
  const timer = setTimeout(
    () => stop(new FirefliesError("timeout", timeoutText(timeoutMs))),
    Math.min(timeoutMs, TIMER_MS_MAX),
  );
  const unwatch = onAbort(signal, () => stop(new FirefliesError("cancelled")));
  try {
    return await Promise.race([start(controller.signal), stopped]);
  } finally {
    clearTimeout(timer);
    unwatch();
  }
}

function stopper(controller: AbortController) {
  let stop!: (error: FirefliesError) => void;
  const promise = new Promise<never>((_, reject) => {
    stop = (error) => {
      reject(error);
      controller.abort(error);
    };
  });
  return { promise, stop };
}

/** Says how long was waited; what dialling left of a deadline is no whole number. */
export function timeoutText(timeoutMs: number): string {
  return `There was no answer within ${Math.max(1, Math.round(timeoutMs))} ms. Try again, allow more time, or look at the other member's load.`;
}
