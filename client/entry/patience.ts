/**
 * Asks the authority again while it is absent, or breaks off: with longer and longer pauses, and a word now and then. What is
 * asked must be the same each time to the authority, with the same key, so that no answer that was lost costs anything.
 */
import { FirefliesError } from "../../identity/index.js";

/** An authority that was there, and is not at this moment, is back within this time, milliseconds: a restart, a failover. */
export const FLAPPING_MS = 30_000;
/** The first pause, milliseconds; each later one is twice as long ... */
const PAUSE_MS = 500;
/** ... up to this, of which a fleet of 1,000 makes 67 calls a second. */
const PAUSE_MAX_MS = 15_000;
/** Between two words about it, milliseconds. */
const TOLD_EVERY_MS = 60_000;

/** It is not there, or says that it cannot now: the same may do later. */
const LATER: ReadonlySet<string> = new Set([
  ...["authority-unreachable", "authority-failed", "issuer-unreachable"],
  ...["overloaded", "too-many-requests", "request-timeout"],
]);
/** Nobody listens at its address, or nobody has the address: that is absent, and not broken off. */
const ABSENT: ReadonlySet<unknown> = new Set([
  ...["ECONNREFUSED", "ENOTFOUND", "EAI_AGAIN", "EHOSTUNREACH", "ENETUNREACH", "ENETDOWN", "ENOENT"],
]);

export interface PatienceOptions {
  /** How long an absent authority is waited for, milliseconds; Infinity for ever. */
  readonly waitMs: number;
  readonly signal?: AbortSignal | undefined;
  /** Monotonic, milliseconds. */
  readonly now: () => number;
  /** In [0, 1). */
  readonly random: () => number;
  /** Resolves after `milliseconds`, or when the signal fires. */
  readonly pause: (milliseconds: number, signal: AbortSignal | undefined) => Promise<void>;
  /** Why it waits: at once, then about once a minute. */
  readonly onWaiting: (cause: FirefliesError) => void;
}

/** Rejects as `ask` did last: with what waiting does not change, when the time is over, or when the signal has fired. */
export async function patiently<T>(ask: () => Promise<T>, options: PatienceOptions): Promise<T> {
  const { signal, now, random, pause, onWaiting } = options;
  const start = now();
  let { waitMs } = options;
  let toldAt = Number.NEGATIVE_INFINITY;
  for (let attempt = 0; ; attempt++) {
    try {
      return await ask();
    } catch (error) {
      if (!isLater(error) || signal?.aborted) throw error;
      if (!isAbsent(error)) waitMs = Math.max(waitMs, FLAPPING_MS);
      const left = start + waitMs - now();
      if (left <= 0) throw error;
      if (now() - toldAt >= TOLD_EVERY_MS) {
        toldAt = now();
        onWaiting(error);
      }
      await pause(Math.min(left, pauseOf(attempt, random())), signal);
      if (signal?.aborted) throw error;
    }
  }
}

/** Half as long to one and a half times, so that a fleet does not come together. */
function pauseOf(attempt: number, chance: number): number {
  return Math.min(PAUSE_MAX_MS, PAUSE_MS * 2 ** attempt) * (0.5 + chance);
}

/** Whether the same call may succeed later. */
export function isLater(error: unknown): error is FirefliesError {
  return error instanceof FirefliesError && LATER.has(error.code);
}

function isAbsent({ code, cause }: FirefliesError): boolean {
  if (code !== "authority-unreachable") return false;
  const why = cause instanceof Error && "code" in cause ? cause.code : undefined;
  return ABSENT.has(why) || why === "timeout";
}
