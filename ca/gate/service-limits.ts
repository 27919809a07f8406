/** What one caller of the service may hold, and how often it may ask. */
import type { GateOptions } from "./connection-gate.js";
import type { RateLimitOptions } from "./rate-limit.js";

/** Members of small networks ask for revocations over one connection, at most 75 s apart; 50 of them hold 2.5 MB here. */
export const KEEP_ALIVE_MS = 80_000;
/** Of all headers of a request: ours have 200 bytes. */
export const HEADER_BYTES_MAX = 8_192;
/** Ours have six; what is beyond is dropped. */
export const HEADERS_MAX = 64;
/** Sockets held at once; a socket costs about 50 kB with TLS. */
export const CONNECTIONS_MAX = 2_048;
/** Callers remembered by a limit. */
const CALLERS_MAX = 10_000;

export interface ServiceLimits {
  /** Requests of one address: a rack of members may start behind it. */
  readonly address: RateLimitOptions;
  /** Requests of one member, wherever it calls from: it renews once in days and reports once in minutes. */
  readonly member: RateLimitOptions;
  readonly gate: GateOptions;
  /** Requests of all that are worked on at once. */
  readonly underWayMax: number;
  readonly waits: Waits;
}

/** Milliseconds. */
export interface Waits {
  /** For the handshake, the headers and the body of a request. */
  readonly requestMs: number;
  /** Between two looks for requests that are late. */
  readonly checkMs: number;
  /** For requests under way when the server stops. */
  readonly stopMs: number;
}

/** At 100 enrolments a second, on a slow disk, 256 take 3 s: within the 10 s that members wait. */
export const SERVICE_LIMITS: ServiceLimits = {
  address: { burst: 1_000, perSecond: 100, callersMax: CALLERS_MAX },
  member: { burst: 30, perSecond: 1, callersMax: CALLERS_MAX },
  gate: {
    handshakes: { burst: 1_000, perSecond: 100, callersMax: CALLERS_MAX },
    unfinishedMax: 512,
    connectionsMax: 1_024,
  },
  underWayMax: 256,
  waits: {
    // Requests are small and near: who needs longer holds a socket for nothing.
    requestMs: 10_000,
    // Node's own figure is 30 s, three times the deadline.
    checkMs: 1_000,
    stopMs: 5_000,
  },
};
