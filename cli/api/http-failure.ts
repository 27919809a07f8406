/** How a call of the agent's API fails: an HTTP status, and `{ code, message, advice }` as its body. Never a stack. */
import type { ServerResponse } from "node:http";
import type { ErrorCode } from "../../identity/errors/codes.js";
import { FirefliesError } from "../../identity/errors/error.js";
import { ReplyError, replyCode } from "../../identity/errors/reply-error.js";
import { type Failure, malformed } from "./failure.js";

/** Statuses of the codes that a caller causes, and of those that another member does; of all others 500. */
const STATUS: Readonly<Partial<Record<ErrorCode, number>>> = {
  "control-malformed": 400,
  "address-invalid": 400,
  "access-invalid": 400,
  "name-invalid": 400,
  "topic-invalid": 400,
  "names-too-large": 400,
  "config-bad-value": 400,
  "config-unknown-key": 400,
  "config-unreadable": 400,
  "input-failed": 400,
  "agent-forbidden": 403,
  "id-unknown": 404,
  "identity-unknown": 404,
  "identity-missing": 404,
  "service-unknown": 404,
  "not-found": 404,
  "request-timeout": 408,
  "id-ambiguous": 409,
  "service-exists": 409,
  "identity-exists": 409,
  "name-taken": 409,
  "address-in-use": 409,
  "state-in-use": 409,
  "body-too-large": 413,
  "message-too-large": 413,
  "too-many-requests": 429,
  "peer-unknown": 502,
  "peer-refused": 502,
  "peer-removed": 502,
  "peer-unreachable": 502,
  "link-closed": 502,
  "handler-failed": 502,
  "handler-missing": 502,
  "control-busy": 503,
  overloaded: 503,
  "member-stopping": 503,
  timeout: 504,
  unacknowledged: 504,
  "handler-timeout": 504,
};
const OURS = 500;
/** Another member's handler has answered with an error of its own. */
const REPLIED = 502;

/** Names of what fastify and Node refuse before a handler runs. */
const BEFORE_HANDLERS: Readonly<Record<string, ErrorCode>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: "body-too-large",
  ERR_HTTP_REQUEST_TIMEOUT: "request-timeout",
  HPE_HEADER_OVERFLOW: "body-too-large",
};

export function failureOf(error: unknown): { readonly status: number; readonly body: Failure } {
  if (error instanceof ReplyError)
    return { status: REPLIED, body: { code: replyCode(error), message: error.message, advice: "" } };
  const { code, message, advice } = known(error);
  return { status: STATUS[code] ?? OURS, body: { code, message, advice } };
}

/** Answers before, or without, the application, and ends the connection. */
export function answerFailure(
  response: ServerResponse,
  error: unknown,
  headers: Readonly<Record<string, string>> = {},
): void {
  const { status, body } = failureOf(error);
  const json = JSON.stringify(body);
  response.writeHead(status, {
    ...headers,
    ...{ "content-type": "application/json", "content-length": Buffer.byteLength(json), connection: "close" },
  });
  response.end(json);
}

/** The same, for bytes that are no request. */
export function rawFailure(error: unknown): string {
  const { status, body } = failureOf(error);
  const json = JSON.stringify(body);
  const head = `HTTP/1.1 ${status} Refused\r\ncontent-type: application/json\r\nconnection: close`;
  return `${head}\r\ncontent-length: ${Buffer.byteLength(json)}\r\n\r\n${json}`;
}

function known(error: unknown): FirefliesError {
  if (error instanceof FirefliesError) return error;
  const {
    code = "",
    statusCode = 0,
    message = "",
  } = (error ?? {}) as { code?: string; statusCode?: number; message?: string };
  const before = Object.hasOwn(BEFORE_HANDLERS, code) ? BEFORE_HANDLERS[code] : undefined;
  if (before !== undefined) return new FirefliesError(before);
  // Malformed JSON, another content type, what does not fit the schema, or no HTTP.
  const isCallers = (statusCode >= 400 && statusCode < 500) || code.startsWith("HPE_");
  return isCallers
    ? malformed(`The request is malformed: ${message}.`)
    : new FirefliesError("agent-failed", message || String(error), { cause: error });
}
