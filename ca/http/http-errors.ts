/** From an error to an HTTP answer: always { code, message, advice }, never a stack or a secret. */
import { type ErrorAnswer, type ErrorCode, FirefliesError } from "../../identity/index.js";

/** Statuses of the codes that callers cause; every other error is ours. */
const STATUS: Readonly<Partial<Record<ErrorCode, number>>> = {
  "body-malformed": 400,
  "request-invalid": 400,
  "principal-invalid": 400,
  "principal-reserved": 400,
  "address-invalid": 400,
  unauthenticated: 401,
  "token-invalid": 403,
  "token-expired": 403,
  "token-cancelled": 403,
  "token-required": 403,
  "jwt-refused": 403,
  "principal-refused": 403,
  "principal-revoked": 403,
  "key-revoked": 403,
  "not-found": 404,
  "request-timeout": 408,
  "token-used": 409,
  "principal-taken": 409,
  "body-too-large": 413,
  "too-many-requests": 429,
  overloaded: 503,
  "issuer-unreachable": 503,
};
const OUR_FAULT = 503;
/** What callers are told of our own faults; of all others no more than that there is one. */
const OWN_FAULTS_TOLD: ReadonlySet<ErrorCode> = new Set(["store-read-only"]);

/** Names of what fastify and Node refuse before a handler runs. */
const BEFORE_HANDLERS: Readonly<Record<string, ErrorCode>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: "body-too-large",
  ERR_HTTP_REQUEST_TIMEOUT: "request-timeout",
  HPE_HEADER_OVERFLOW: "body-too-large",
};

export interface HttpFailure {
  readonly status: number;
  readonly body: ErrorAnswer;
  /** Whether the fault is the caller's. */
  readonly isRefusal: boolean;
}

/** The answer to an error that a handler threw, or that arose before one ran. */
export function failureOf(error: unknown): HttpFailure {
  const known = error instanceof FirefliesError ? error : firefliesErrorOf(error);
  const status = STATUS[known.code];
  if (status !== undefined) return { status, body: bodyOf(known), isRefusal: true };
  return {
    status: OUR_FAULT,
    body: bodyOf(OWN_FAULTS_TOLD.has(known.code) ? known : new FirefliesError("authority-failed")),
    isRefusal: false,
  };
}

function bodyOf({ code, message, advice }: FirefliesError): ErrorAnswer {
  return { code, message, advice };
}

function firefliesErrorOf(error: unknown): FirefliesError {
  const { code, statusCode } = fieldsOf(error);
  const named = Object.hasOwn(BEFORE_HANDLERS, code) ? BEFORE_HANDLERS[code] : undefined;
  if (named !== undefined) return new FirefliesError(named);
  // Malformed JSON, a wrong content type, a body that does not fit the schema, or no HTTP at all.
  const isCallers = (statusCode >= 400 && statusCode < 500) || code.startsWith("HPE_");
  return new FirefliesError(isCallers ? "body-malformed" : "authority-failed");
}

function fieldsOf(error: unknown): { readonly code: string; readonly statusCode: number } {
  if (!(error instanceof Error)) return { code: "", statusCode: 0 };
  const code = "code" in error ? String(error.code) : "";
  const statusCode = "statusCode" in error ? Number(error.statusCode) : 0;
  return { code, statusCode };
}
