/** What both ends say: calls and their answers, and errors as plain values, which structured clones do not keep. */
import { ERROR_CODES, type ErrorCode, FirefliesError, ReplyError } from "../../identity/index.js";
import type { Message } from "./line.js";

export interface Hello extends Message {
  readonly kind: "hello";
  /** Comes as it is where bytes do. */
  readonly probe: Uint8Array;
}

export interface Welcome extends Message {
  readonly kind: "welcome";
  readonly state: unknown;
}

export interface Refusal extends Message {
  readonly kind: "refusal";
  readonly error: PlainError;
}

export interface Call extends Message {
  readonly kind: "call";
  readonly id: number;
  readonly name: string;
  readonly argument: unknown;
}

export interface Answer extends Message {
  readonly kind: "answer";
  readonly id: number;
  readonly value?: unknown;
  readonly error?: PlainError;
}

/** Nobody waits for the answer any more. */
export interface Cancel extends Message {
  readonly kind: "cancel";
  readonly id: number;
}

/** The client stops, or the other end goes. */
export interface Notice extends Message {
  readonly kind: "stopping" | "bye";
}

export type Said = Hello | Welcome | Refusal | Call | Answer | Cancel | Notice;

/** An error as a value. */
export interface PlainError {
  readonly name: string;
  readonly message: string;
  readonly code?: string;
  readonly advice?: string;
  /** Of "unacknowledged". */
  readonly missing?: unknown;
}

export function plainError(error: unknown): PlainError {
  const { name, message, code, advice, missing } = (
    error instanceof Error ? error : new Error(String(error))
  ) as Error & Partial<PlainError>;
  return { name, message, ...(code && { code }), ...(advice && { advice }), ...(missing ? { missing } : {}) };
}

export function errorOf({ name, message, code = "", advice, missing }: PlainError): Error {
  if (name === "ReplyError") return new ReplyError(message, code === "" ? {} : { code });
  if (name === "FirefliesError" && Object.hasOwn(ERROR_CODES, code)) {
    const error = new FirefliesError(code as ErrorCode, message, advice === undefined ? {} : { advice });
    return missing === undefined ? error : Object.assign(error, { missing });
  }
  const Kind = name === "TypeError" ? TypeError : name === "RangeError" ? RangeError : Error;
  return Object.assign(new Kind(message), code && { code });
}

/** Bytes by themselves: a clone of a window on memory brings all of that memory along. */
export function tight(data: Uint8Array): Uint8Array {
  return data.byteLength === data.buffer.byteLength && data.constructor === Uint8Array ? data : new Uint8Array(data);
}
