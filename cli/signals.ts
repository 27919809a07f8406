/** How a long-running command ends: at the first SIGTERM or SIGINT in good order, at a later one at once. */
import type { EventEmitter } from "node:events";
import type { Readable } from "node:stream";
import { EXIT_INTERRUPTED } from "./failure.js";

/** Milliseconds that what is left may hold the process after everything was stopped. */
const EXIT_GRACE_MS = 2_000;

/**
 * Milliseconds in which a further signal is the same wish: one Ctrl-C reaches a member that npm started twice, from
 * the terminal and from npm.
 */
export const SAME_WISH_MS = 1_000;

/** A signal that fires at the first SIGTERM or SIGINT of `source`, and, when asked for, at the end of `input`. */
export function untilTold(input?: Readable, source: Pick<EventEmitter, "on"> = process): AbortSignal {
  const told = new AbortController();
  let toldAt = Number.NEGATIVE_INFINITY;
  const tell = (why: string) => {
    if (!told.signal.aborted) toldAt = performance.now();
    else if (why !== "input" && performance.now() - toldAt >= SAME_WISH_MS) process.exit(EXIT_INTERRUPTED);
    told.abort(why);
  };
  source.on("SIGTERM", () => tell("SIGTERM"));
  source.on("SIGINT", () => tell("SIGINT"));
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
