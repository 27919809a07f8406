/** Our errors as gRPC statuses and back: the code travels at the head of the status's text. */
import { status as Status } from "@grpc/grpc-js";
import { type ErrorCode, FirefliesError, isErrorCode } from "../../identity/index.js";
import { ERROR_TEXT_MAX } from "../guard.js";

const STATUS_OF: Partial<Record<ErrorCode, Status>> = {
  timeout: Status.DEADLINE_EXCEEDED,
  cancelled: Status.CANCELLED,
  "message-too-large": Status.RESOURCE_EXHAUSTED,
  overloaded: Status.RESOURCE_EXHAUSTED,
  "peer-refused": Status.PERMISSION_DENIED,
  "certificate-invalid": Status.PERMISSION_DENIED,
};

/** Statuses that gRPC makes by itself. The link was up: "unavailable" and "cancelled" say that it is no longer. */
const CODE_OF: Partial<Record<Status, ErrorCode>> = {
  [Status.DEADLINE_EXCEEDED]: "timeout",
  [Status.RESOURCE_EXHAUSTED]: "message-too-large",
  [Status.UNAVAILABLE]: "link-closed",
  [Status.CANCELLED]: "link-closed",
};

const DETAILS = /^([a-z0-9-]{1,64}): ([\s\S]*)$/;

export interface WireStatus {
  readonly code: Status;
  readonly details: string;
}

export function toStatus({ code, message }: FirefliesError): WireStatus {
  return {
    code: STATUS_OF[code] ?? Status.ABORTED,
    details: `${code}: ${wellFormed(message.slice(0, ERROR_TEXT_MAX))}`,
  };
}

/**
 * Half a character is no text: grpc-js throws on it where nobody catches. JSON.parse makes such messages, from what a
 * peer sent.
 */
function wellFormed(text: string): string {
  return Buffer.from(text, "utf8").toString("utf8");
}

export function fromStatus({ code, details }: WireStatus): FirefliesError {
  const match = DETAILS.exec(details);
  if (match !== null && isErrorCode(match[1])) return new FirefliesError(match[1], match[2]);
  const known = CODE_OF[code];
  if (known !== undefined) return new FirefliesError(known);
  return new FirefliesError(
    "bad-frame",
    `The other side answered with gRPC status ${code}: ${details.slice(0, ERROR_TEXT_MAX)}`,
  );
}
