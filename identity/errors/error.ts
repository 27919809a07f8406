/** The one error class of the package. */
import { ERROR_CODES, type ErrorCode } from "./codes.js";
import { shown } from "./shown.js";

/** Of a `FirefliesError`. */
export interface FirefliesErrorOptions {
  readonly cause?: unknown;
  /** What to do in this very case; without it what the table says for the code. */
  readonly advice?: string | undefined;
}

/**
 * What this package throws and rejects with. `code` is stable and for programs; `message` says what is wrong, and `advice` what
 * to do about it, in a sentence or two each. Both may quote what a peer wrote: they are one line that is safe to print (shown.ts).
 */
export class FirefliesError extends Error {
  override readonly name = "FirefliesError";
  readonly code: ErrorCode;
  /** Never part of `message`. From the table of docs/errors.md, unless this very case has a better one. */
  readonly advice: string;

  constructor(code: ErrorCode, message?: string, options?: FirefliesErrorOptions) {
    const { meaning, remedy } = ERROR_CODES[code];
    super(shown(message ?? meaning), options);
    this.code = code;
    this.advice = shown(options?.advice ?? remedy);
  }
}
