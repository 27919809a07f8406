/** Our errors as gRPC statuses and back: the code travels at the head of the status's text. */
import { type ErrorCode, FirefliesError, isErrorCode, ReplyError, readReply, replyCode } from "../../identity/index.js";

/** Those of gRPC's status codes that are used here (https://grpc.io/docs/guides/status-codes/). */
export const Status = {
  ok: 0,
  cancelled: 1,
  unknown: 2,
  deadlineExceeded: 4,
  permissionDenied: 7,
  resourceExhausted: 8,
  aborted: 10,
  unimplemented: 12,
  internal: 13,
  unavailable: 14,
} as const;

/** Why a duplex ended, as its other side said it: for a reason of ours, or with an error that its program meant for us. */
export type PeerError = FirefliesError | ReplyError;

/**
 * Codes whose text travels: it is ours, and says how to do better. Of any other error only the code does: its text may
 * name files, hosts and secrets of this side.
 */
const TELLING: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  ...(["overloaded", "message-too-large", "timeout", "handler-timeout", "cancelled", "bad-frame"] as const),
  ...(["member-stopping", "peer-removed", "peer-refused", "link-closed"] as const),
  ...(["protocol-unknown", "protocol-version", "certificate-invalid", "handler-missing"] as const),
]);

/** Text of a failure that crosses the wire, in characters: enough to understand it, too little to leak a state. */
export const ERROR_TEXT_MAX = 512;

const STATUS_OF: Partial<Record<ErrorCode, number>> = {
  timeout: Status.deadlineExceeded,
  cancelled: Status.cancelled,
  "message-too-large": Status.resourceExhausted,
  overloaded: Status.resourceExhausted,
  "peer-refused": Status.permissionDenied,
  "certificate-invalid": Status.permissionDenied,
  "protocol-unknown": Status.unimplemented,
};

/** What another implementation's statuses mean here. */
const CODE_OF: Partial<Record<number, ErrorCode>> = {
  [Status.deadlineExceeded]: "timeout",
  [Status.resourceExhausted]: "message-too-large",
  [Status.unavailable]: "link-closed",
  [Status.cancelled]: "link-closed",
  [Status.unimplemented]: "protocol-unknown",
};

/** RFC 9113, section 7: REFUSED_STREAM and ENHANCE_YOUR_CALM. */
const RESET_FOR_LOAD: ReadonlySet<number> = new Set([0x7, 0xb]);

const DETAILS = /^((?:reply:)?[A-Za-z0-9._/-]{0,64}): ([\s\S]*)$/;

/** "grpc-status" and "grpc-message", as they stand in headers or trailers. */
export interface StatusFields {
  readonly "grpc-status": string;
  readonly "grpc-message"?: string;
}

export const OK: StatusFields = { "grpc-status": "0" };

/** What the other side is told of an error. */
export function wordsOf(error: PeerError): { readonly code: string; readonly text: string } {
  if (error instanceof ReplyError) return { code: replyCode(error), text: errorText(error) };
  return { code: error.code, text: TELLING.has(error.code) ? errorText(error) : "" };
}

export function toStatus(error: PeerError): StatusFields {
  const { code, text } = wordsOf(error);
  const status = error instanceof ReplyError ? undefined : STATUS_OF[error.code];
  return { "grpc-status": String(status ?? Status.aborted), "grpc-message": encodeURI(`${code}: ${text}`) };
}

/** Undefined when the fields say that all is well, or hold no status. */
export function fromStatus(fields: Readonly<Record<string, unknown>>): PeerError | undefined {
  const status = Number(fields["grpc-status"] ?? Status.unknown);
  if (status === Status.ok) return undefined;
  const details = decoded(String(fields["grpc-message"] ?? ""));
  const match = DETAILS.exec(details);
  const said = match === null ? undefined : readWords(match[1]!, match[2]!);
  if (said !== undefined) return said;
  const known = CODE_OF[status];
  if (known !== undefined) return new FirefliesError(known);
  const text = `The other side answered with gRPC status ${status}: ${details.slice(0, ERROR_TEXT_MAX)}`;
  return new FirefliesError("bad-frame", text);
}

/** The error of a stream that was reset before any status came. */
export function errorOfReset(rstCode: number | undefined): FirefliesError {
  return new FirefliesError(RESET_FOR_LOAD.has(rstCode ?? 0) ? "overloaded" : "stream-reset");
}

/** The error of an End that has a code. A code that is unknown here says that much: the stream was reset. */
export function errorOfEnd(code: string, text: string): PeerError {
  return readWords(code, text) ?? new FirefliesError("stream-reset", text === "" ? undefined : text);
}

/** The opposite of `wordsOf`; undefined for a code that is unknown here. */
function readWords(code: string, text: string): PeerError | undefined {
  if (isErrorCode(code)) return new FirefliesError(code, text === "" ? undefined : text);
  return readReply(code, text);
}

function decoded(text: string): string {
  try {
    return decodeURI(text);
  } catch {
    return text;
  }
}

/** `error` itself if it is ours, else one with `code` and the text of `error`. */
export function asFirefliesError(error: unknown, code: ErrorCode): FirefliesError {
  if (error instanceof FirefliesError) return error;
  return new FirefliesError(code, errorText(error) || undefined, { cause: error });
}

/**
 * What an unknown thrown value says, cut to a length that may travel. Half a character is no text and would not be encoded:
 * JSON.parse makes such messages, from what a peer sent. Never throws.
 */
export function errorText(error: unknown): string {
  try {
    const text = String(error instanceof Error ? error.message : error).slice(0, ERROR_TEXT_MAX);
    return Buffer.from(text, "utf8").toString("utf8");
  } catch {
    return "";
  }
}

export function tooLarge(length: number, bytesMax: number): FirefliesError {
  const text = `A message of ${length} bytes is over the limit of ${bytesMax}.`;
  return new FirefliesError("message-too-large", text, { advice: "Send it in parts." });
}
