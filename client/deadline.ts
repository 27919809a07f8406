/**
 * A deadline beside another signal. AbortSignal.any over AbortSignal.timeout would do, but for Node 20: nothing keeps such a
 * timeout from being collected as garbage, and then the deadline never comes.
 */
import { onAbort } from "./abort.js";

/**
 * Runs with a signal that fires after `ms` milliseconds with a TimeoutError, or when `signal` does, with its reason. The
 * deadline ends with what `run` returns.
 */
export async function withDeadline<T>(
  ms: number,
  signal: AbortSignal | undefined,
  run: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const controller = new AbortController();
  const late = () => controller.abort(new DOMException(`It took longer than ${ms} ms.`, "TimeoutError"));
  const timer = setTimeout(late, ms);
  const unwatch = onAbort(signal, () => controller.abort(signal?.reason));
  try {
    return await run(controller.signal);
  } finally {
    clearTimeout(timer);
    unwatch();
  }
}
