/** The header fields of a gRPC call over HTTP/2, as https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md has them. */
import type { IncomingHttpHeaders, OutgoingHttpHeaders } from "node:http2";
import { DEADLINE_SLACK_MS } from "./limits.js";
import { SERVICE_PATH } from "./protocol.js";

const CONTENT_TYPE = "application/grpc";

export const RESPONSE_HEADERS: OutgoingHttpHeaders = { ":status": 200, "content-type": CONTENT_TYPE };

/** What is opened, percent-encoded as grpc-message is; not there when it has no name. */
const NAME_FIELD = "fireflies-name";
/** Where a duplex belongs in a trace, in ASCII; not there when nobody follows it. */
const TRACE_FIELD = "fireflies-trace";

/** grpc-timeout has eight digits at most. */
const TIMEOUT_DIGITS_MAX = 99_999_999;
const TIMEOUT = /^(\d{1,8})([HMSmun])$/;
const UNIT_MS: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1_000, m: 1, u: 0.001, n: 0.000_001 };

/** Of a call to a protocol; `timeoutMs` may be infinite. */
export function requestHeaders(protocol: string, timeoutMs: number, name = "", trace = ""): OutgoingHttpHeaders {
  const headers: OutgoingHttpHeaders = {
    ":method": "POST",
    ":path": `${SERVICE_PATH}${protocol}`,
    ":scheme": "https",
    ":authority": "member",
    "content-type": CONTENT_TYPE,
    te: "trailers",
  };
  const timeout = timeoutText(timeoutMs);
  if (timeout !== undefined) headers["grpc-timeout"] = timeout;
  if (name !== "") headers[NAME_FIELD] = encodeURI(name);
  if (trace !== "") headers[TRACE_FIELD] = trace;
  return headers;
}

function timeoutText(timeoutMs: number): string | undefined {
  const ms = Math.ceil(timeoutMs + DEADLINE_SLACK_MS);
  if (ms <= TIMEOUT_DIGITS_MAX) return `${ms}m`;
  const seconds = Math.ceil(ms / 1000);
  return seconds <= TIMEOUT_DIGITS_MAX ? `${seconds}S` : undefined;
}

/** What is called, and in how many milliseconds the caller gives up; or why the headers are refused. */
export interface Called {
  readonly protocol: string;
  /** Infinite when the caller named none. */
  readonly timeoutMs: number;
  /** Empty when it has none. */
  readonly name: string;
  /** Likewise. */
  readonly trace: string;
}

export function calledBy(headers: IncomingHttpHeaders): Called | "not-grpc" | "compressed" {
  const { ":method": method, ":path": path = "", "content-type": type = "", "grpc-encoding": encoding } = headers;
  if (method !== "POST" || !type.startsWith(CONTENT_TYPE)) return "not-grpc";
  if (encoding !== undefined && encoding !== "identity") return "compressed";
  return {
    protocol: path.startsWith(SERVICE_PATH) ? path.slice(SERVICE_PATH.length) : "",
    timeoutMs: timeoutIn(headers["grpc-timeout"]),
    name: nameIn(headers[NAME_FIELD]),
    trace: textIn(headers[TRACE_FIELD]),
  };
}

function timeoutIn(text: unknown): number {
  const match = typeof text === "string" ? TIMEOUT.exec(text) : null;
  return match === null ? Number.POSITIVE_INFINITY : Number(match[1]) * UNIT_MS[match[2]!]!;
}

function textIn(text: unknown): string {
  return typeof text === "string" ? text : "";
}

/** What is not encoded as it should be stands for itself: no handler has such a name. */
function nameIn(text: unknown): string {
  if (typeof text !== "string") return "";
  try {
    return decodeURI(text);
  } catch {
    return text;
  }
}
