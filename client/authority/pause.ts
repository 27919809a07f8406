/** A wait that a signal ends. */
import { setTimeout as sleep } from "node:timers/promises";

/** Resolves after `milliseconds`, or when the signal fires. Keeps the process alive. */
export async function pause(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  await sleep(milliseconds, undefined, { ...(signal && { signal }) }).catch(() => {});
}
