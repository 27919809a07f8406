/**
 * How a long-running command ends: at the first SIGTERM or SIGINT in good order, at a later one at once. What takes its time
 * to end in good order is hurried by the second one first.
 */
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

export interface Wishes {
  /** Its end is a first wish as well. */
  readonly input?: Readable | undefined;
  readonly source?: Pick<EventEmitter, "on">;
  /** What to do at a second wish; without it the process ends then. A third one ends it in any case. */
  readonly onSecond?: () => void;
}

/** A signal that fires at the first SIGTERM or SIGINT, and, when asked for, at the end of `input`. */
export function untilTold({ input, source = process, onSecond }: Wishes = {}): AbortSignal {
  const told = new AbortController();
  let wishes = 0;
  let toldAt = Number.NEGATIVE_INFINITY;
  const tell = (why: string) => {
    const now = performance.now();
    if (wishes > 0 && (why === "input" || now - toldAt < SAME_WISH_MS)) return;
    wishes += 1;
    toldAt = now;
    if (wishes === 1) told.abort(why);
    else if (wishes === 2 && onSecond) onSecond();
    else process.exit(EXIT_INTERRUPTED);
  };
  source.on("SIGTERM", () => tell("SIGTERM"));
  source.on("SIGINT", () => tell("SIGINT"));
  if (input !== undefined) {
    input.on("error", () => {}); // "close" follows.
    // A file, /dev/null among them, and a descriptor that was closed, end and never close.
    for (const over of ["end", "close"]) input.on(over, () => tell("input"));
    input.resume();
  }
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
