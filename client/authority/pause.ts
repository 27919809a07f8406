/** A wait that a signal ends. */
import timers from "node:timers/promises";

/** Resolves after `milliseconds`, or when the signal fires. Keeps the process alive. */
export async function pause(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  await timers.setTimeout(milliseconds, undefined, { ...(signal && { signal }) }).catch(() => {});
}
