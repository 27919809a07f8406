/** What a program without a type checker may get wrong: said at once, before anything is sent. */
import { outOfRange, wrongType } from "../../identity/index.js";
import { DRAIN_MS_MAX } from "./drain-deadline.js";

/** Text would be sent as zeros. Throws a TypeError. */
export function requireBytes(data: unknown): void {
  if (data instanceof Uint8Array && !isTransferred(data)) return;
  if (data instanceof Uint8Array) throw wrongType("These bytes were transferred away before they were sent.");
  throw wrongType("A message is a Uint8Array; for text use encodeText(text), for values encodeJson(value).");
}

/** By `postMessage` or `structuredClone`: its length is 0 then, and every use of it throws. */
export function isTransferred({ length, buffer }: Uint8Array): boolean {
  if (length > 0) return false;
  try {
    new Uint8Array(buffer);
    return false;
  } catch {
    return true;
  }
}

/** Throws a TypeError. */
export function requireText(text: unknown, what: string): void {
  if (typeof text !== "string") throw wrongType(`${what} is a string, not ${kindOf(text)}.`);
}

/** Throws a TypeError: a program would find out with the first message otherwise. */
export function requireHandler(handler: unknown): void {
  if (typeof handler !== "function") throw wrongType(`A handler is a function, not ${kindOf(handler)}.`);
}

/** Throws a RangeError. */
export function requireTimeout(timeout: number | undefined): void {
  if (timeout === undefined || timeout > 0) return;
  throw outOfRange(`A timeout is a number of milliseconds above 0, not ${timeout}.`);
}

/** Throws a RangeError. */
export function requireDrain(drain: number): void {
  if (drain >= 0 && drain <= DRAIN_MS_MAX) return;
  throw outOfRange(`A drain is a number of milliseconds from 0 to ${DRAIN_MS_MAX}, not ${drain}.`);
}

/** Throws a RangeError. */
export function requireStreams(count: number, max: number): void {
  if (Number.isInteger(count) && count >= 1 && count <= max) return;
  throw outOfRange(`streamsPerPeer is a number from 1 to ${max}, not ${count}.`);
}

/** Throws a RangeError. */
export function requireCount(count: number): void {
  if (Number.isInteger(count) && count >= 0) return;
  throw outOfRange(`A number of members is 0 or more, not ${count}.`);
}

function kindOf(value: unknown): string {
  return value === null ? "null" : typeof value;
}
