/** What one caller of the service may hold, and how often it may ask. */
import { readFileSync } from "node:fs";
import type { RateLimitOptions } from "./rate-limit.js";

/** Of all headers of a request: ours have 200 bytes. */
export const HEADER_BYTES_MAX = 8_192;
/** Ours have six; what is beyond is dropped. */
export const HEADERS_MAX = 64;
/** Callers remembered by a limit. */
const CALLERS_MAX = 10_000;
/** Sockets held at once; a socket costs about 50 kB with TLS. */
const CONNECTIONS_MAX = 2_048;

/** To take slots from younger ones would only make an attacker come back more often, milliseconds. */
const YOUNG_MS = 1_000;

export interface ServiceLimits {
  /** Requests of one address: a rack of members may start behind it. */
  readonly address: RateLimitOptions;
  /** Requests of one member, wherever it calls from: it renews once in days and reports once in minutes. */
  readonly member: RateLimitOptions;
  readonly gate: GateOptions;
  /** Requests that are worked on at once. */
  readonly work: WorkLimits;
  readonly waits: Waits;
}

export interface GateOptions {
  /** Connections that one address begins. */
  readonly handshakes: RateLimitOptions;
  /** Connections of one address on which nothing is worked on. */
  readonly addressMax: number;
  /** As many of one member, wherever it calls from. */
  readonly memberMax: number;
  /** A connection may stay this long before another one of its address takes its slot, milliseconds. */
  readonly youngMs: number;
  /** Connections of all. */
  readonly connectionsMax: number;
}

export interface WorkLimits {
  /** Of all callers. */
  readonly max: number;
  readonly perAddressMax: number;
}

/** Milliseconds. */
export interface Waits {
  /** For a handshake; for a request, from its first byte to its last; and for its answer to be taken. */
  readonly requestMs: number;
  /** From the answer that a request is late until its connection is cut; the time between two looks is included. */
  readonly graceMs: number;
  /** Between two looks for requests that are late. */
  readonly checkMs: number;
  /** Between two requests of a member on one connection; of others, `requestMs`. */
  readonly keepAliveMs: number;
  /** For the work on a request. Every call of the store ends sooner by itself. */
  readonly workMs: number;
  /** For requests under way when the server stops. */
  readonly stopMs: number;
}

const WAITS: Waits = {
  // Requests are small and near: who needs longer holds a socket for nothing.
  requestMs: 10_000,
  graceMs: 1_000,
  // Node's own figure is 30 s, three times the deadline.
  checkMs: 250,
  // Members of small networks ask for revocations over one connection, at most 75 s apart; 50 of them hold 2.5 MB here.
  keepAliveMs: 80_000,
  workMs: 60_000,
  stopMs: 5_000,
};

/**
 * At 100 enrolments a second, on a slow disk, 256 take 3 s: within the 10 s that members wait. One address has a quarter of
 * everything, so that three together leave a quarter to others.
 */
export const SERVICE_LIMITS: ServiceLimits = {
  address: { burst: 1_000, perSecond: 100, callersMax: CALLERS_MAX },
  member: { burst: 30, perSecond: 1, callersMax: CALLERS_MAX },
  gate: gateOf(connectionsWithin(descriptorsMax())),
  work: { max: 256, perAddressMax: 64 },
  waits: WAITS,
};

/** As many as half of this process' descriptors allow: the others are for files and the database. */
export function connectionsWithin(descriptors: number): number {
  return Math.max(4, Math.min(CONNECTIONS_MAX, Math.floor(descriptors / 2)));
}

/** A gate of `connectionsMax` connections, a quarter of them for one address. */
export function gateOf(connectionsMax: number): GateOptions {
  const handshakes = { burst: 1_000, perSecond: 100, callersMax: CALLERS_MAX };
  return { handshakes, addressMax: Math.floor(connectionsMax / 4), memberMax: 8, youngMs: YOUNG_MS, connectionsMax };
}

/** Infinite where the system does not say: it then refuses by itself. */
function descriptorsMax(): number {
  try {
    const found = /^Max open files\s+(\d+)/m.exec(readFileSync("/proc/self/limits", "latin1"));
    return found ? Number(found[1]) : Number.POSITIVE_INFINITY;
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}
