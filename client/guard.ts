/** Errors of others as ours, and as text that may travel. */
import { type ErrorCode, FirefliesError } from "../identity/index.js";

/** Text of a failure that crosses the wire, in characters: enough to understand it, too little to leak a state. */
export const ERROR_TEXT_MAX = 512;

/** `error` itself if it is ours, else one with `code` and the text of `error`. */
export function asFirefliesError(error: unknown, code: ErrorCode): FirefliesError {
  if (error instanceof FirefliesError) return error;
  return new FirefliesError(code, errorText(error) || undefined, { cause: error });
}

/** What an unknown thrown value says, cut to a length that may travel. Never throws. */
export function errorText(error: unknown): string {
  try {
    return String(error instanceof Error ? error.message : error).slice(0, ERROR_TEXT_MAX);
  } catch {
    return "";
  }
}
