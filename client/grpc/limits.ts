/** Limits that both ends of a gRPC connection share. */
import { CALL_BYTES_MAX } from "../transport.js";
import { ENVELOPE_BYTES } from "./service.js";

/** Largest gRPC message, in bytes. */
export const WIRE_BYTES_MAX = CALL_BYTES_MAX + ENVELOPE_BYTES;

/**
 * HTTP/2 pings find connections whose other end has gone without a word. The failure detector is faster; these keep
 * dead connections from piling up and middleboxes from forgetting live ones.
 */
export const KEEPALIVE_OPTIONS = {
  "grpc.keepalive_time_ms": 1_200_000,
  "grpc.keepalive_timeout_ms": 10_000,
} as const;
