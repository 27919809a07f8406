/** How a long-running command ends: at the first SIGTERM or SIGINT in good order, at the second at once. */
import type { Readable } from "node:stream";
import { EXIT_INTERRUPTED } from "./failure.js";

/** Milliseconds that what is left may hold the process after everything was stopped. */
const EXIT_GRACE_MS = 2_000;

/** A signal that fires at the first SIGTERM or SIGINT, and, when asked for, at the end of `input`. */
export function untilTold(input?: Readable): AbortSignal {
  const told = new AbortController();
  const tell = (why: string) => {
    if (told.signal.aborted && why !== "input") process.exit(EXIT_INTERRUPTED);
    told.abort(why);
  };
  process.on("SIGTERM", () => tell("SIGTERM"));
  process.on("SIGINT", () => tell("SIGINT"));
  if (input !== undefined) input.on("close", () => tell("input")).resume();
  return told.signal;
}

export function fired(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
}

/** Ends the process even if something still holds it. */
export function exitSoon(): void {
  process.stdin.destroy();
  setTimeout(() => process.exit(), EXIT_GRACE_MS).unref();
}
