/**
 * Deadlines as instants: one absolute deadline goes from the caller to the last byte, through look-up, dials and call.
 * AbortSignal.any over AbortSignal.timeout would do, but for Node 20: nothing keeps such a timeout from being collected
 * as garbage, and then the deadline never comes.
 */
import { FirefliesError } from "../identity/index.js";
import { onAbort } from "./abort.js";

/** setTimeout's longest, 24 days: beyond, it warns and fires at once. */
export const TIMER_MS_MAX = 2 ** 31 - 1;

export interface Deadline {
  /** By `performance.now()`, milliseconds. `Number.POSITIVE_INFINITY` for none. */
  readonly deadline: number;
  /** Ends the wait early, with "cancelled". */
  readonly signal?: AbortSignal | undefined;
}

/** The instant `ms` milliseconds from now, by `performance.now()`. */
export function deadlineIn(ms: number): number {
  return performance.now() + ms;
}

/** Milliseconds from now to a deadline, as setTimeout takes them: 0 to TIMER_MS_MAX. */
export function msUntil(deadline: number): number {
  return Math.min(Math.max(0, deadline - performance.now()), TIMER_MS_MAX);
}

/**
 * Runs `start` until its promise settles, the deadline comes ("timeout") or the caller's signal fires ("cancelled").
 * The signal given to `start` fires in both cases, with that FirefliesError as its reason. Leaves no timer or listener
 * behind.
 */
export async function withDeadline<T>(
  { deadline, signal }: Deadline,
  start: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  if (signal?.aborted) throw new FirefliesError("cancelled");
  const allowedMs = deadline - performance.now();
  if (allowedMs <= 0) throw lateError(allowedMs);
  const controller = new AbortController();
  const { promise: stopped, stop } = stopper(controller);
  const timer = allowedMs > TIMER_MS_MAX ? undefined : setTimeout(() => stop(lateError(allowedMs)), allowedMs);
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

/** "timeout", with the time that was allowed; what dialling left of a deadline is no whole number. */
export function lateError(allowedMs: number): FirefliesError {
  return new FirefliesError("timeout", `There was no answer within ${Math.max(0, Math.round(allowedMs))} ms.`);
}
