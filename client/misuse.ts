/** What a program without a type checker may get wrong: said at once, before anything is sent. */
import { DRAIN_MS_MAX } from "./talk/drain-deadline.js";

/** Text would be sent as zeros. Throws a TypeError. */
export function requireBytes(data: unknown): void {
  if (data instanceof Uint8Array) return;
  throw new TypeError("A message is a Uint8Array; for text use new TextEncoder().encode(text).");
}

/** Throws a RangeError. */
export function requireTimeout(timeout: number | undefined): void {
  if (timeout === undefined || timeout > 0) return;
  throw new RangeError(`A timeout is a number of milliseconds above 0, not ${timeout}.`);
}

/** Throws a RangeError. */
export function requireDrain(drain: number): void {
  if (drain >= 0 && drain <= DRAIN_MS_MAX) return;
  throw new RangeError(`A drain is a number of milliseconds from 0 to ${DRAIN_MS_MAX}, not ${drain}.`);
}
