/**
 * One proven connection between two members: mutual TLS 1.3 (tls.ts), then gRPC over HTTP/2, over any Duplex. Both ends call
 * and open alike; who dialled does not matter. test/net/session-contract.ts holds it to what is written here.
 */
import type { Duplex } from "node:stream";
import type { FirefliesError, MemberCertificate } from "../../identity/index.js";
import type { Deadline } from "../deadline.js";
import type { Path } from "./path.js";

/**
 * Messages of bytes in both directions: a node Duplex. Each chunk that is written is read as one Uint8Array.
 * - A chunk is not copied. Its writer may change it once `write` has called back.
 * - Back-pressure is end to end: while the other side does not read, writes wait and what is held stays bounded.
 * - `end()` closes one direction; the other goes on. "finish" means that the other process has everything, the end among it:
 *   it has acknowledged it. A session that is lost before that ends the duplex with an "error" instead.
 * - Both directions ended and acknowledged: "close" without an error.
 * - `destroy(error)` ends both at once; the code and text of a FirefliesError travel, and the other side's "error" carries
 *   them. Without an error, and for any other error, the code is "stream-reset".
 * - A lost session ends it with "link-closed". It ends once; "close" is the last event.
 * - An "error" listener is attached already: an application that forgets one does not lose its process.
 */
export interface ByteDuplex extends Duplex {
  /**
   * Secret bytes that the two ends of its session have in common, and nobody else (RFC 8446, section 7.5; RFC 5705). Undefined
   * for a member's session with itself, and when the session has ended.
   */
  readonly exportKey?: KeyExporter | undefined;
  /**
   * The same bytes, for what goes along with the handshake of the session: given out once for each label and context by each end,
   * and in the first five seconds only. Undefined from then on.
   */
  readonly exportEarly?: KeyExporter | undefined;
  /** Ends it as the loss of its session does: if the other side has ended in order, what it sent is read first. */
  giveUp(error: FirefliesError): void;
  /** Where the bytes that arrive and that are written are added up; nowhere by default. */
  counter?: ByteCounter | undefined;
}

export interface ByteCounter {
  bytesIn: number;
  bytesOut: number;
}

/** `label` as RFC 5705 has them ("EXPORTER-..."); other contexts give other bytes. */
export type KeyExporter = (label: string, context: Uint8Array, bytes: number) => Uint8Array | undefined;

/** How a session ended: "closed" by one of its ends, in order, or "lost": its connection broke, or went silent. */
export type Ending = "closed" | "lost";

export interface OpenOptions {
  /** Which of the many things that one protocol carries; the other side's `onDuplex` is told. Empty by default. */
  readonly name?: string | undefined;
  /** Where it belongs in a trace, as the other side's `onDuplex` is told: ASCII. Nothing by default. */
  readonly trace?: string | undefined;
  /** Destroys the duplex with "cancelled". */
  readonly signal?: AbortSignal | undefined;
}

export interface Session {
  /** Whom the handshake proved the other end to be. */
  readonly peer: MemberCertificate;
  readonly path: Path;
  /** Whether it takes nothing more; it never comes back, dial again. */
  readonly closed: boolean;
  /** Calls and duplexes that are open on it now, of either side. */
  readonly active: number;
  /** Counts up with everything that arrives. */
  readonly bytesRead: number;
  /** Milliseconds of a round trip, smoothed (RFC 6298, alpha), by the session's own pings; undefined before the first. */
  readonly roundTripMs: number | undefined;
  /** Something was awaited for seconds, or a call timed out, and not a byte has come since: it may be dead. */
  readonly isDoubtful: boolean;
  /**
   * One request and one answer, each of at most the protocol's `bytesMax` bytes. Rejects with a FirefliesError: "timeout",
   * "cancelled", "link-closed", "message-too-large", "overloaded", "protocol-unknown", "peer-refused",
   * "certificate-invalid" (the peer's has expired since), "handler-failed", or the code that the peer's handler threw.
   * Only a protocol that is registered here can be called: its limits hold for what comes back.
   */
  call(protocol: string, body: Uint8Array, options: Deadline): Promise<Uint8Array>;
  /** Returns at once; a refusal arrives as the duplex's "error". */
  open(protocol: string, options?: OpenOptions): ByteDuplex;
  /** Calls `done` when the other end has answered a ping of the session's own; never, when it does not. */
  measure?(done: () => void): void;
  /** Ends calls and duplexes with `error`, by default "link-closed". Leaves no handle behind. */
  close(error?: FirefliesError): void;
  /**
   * Called once, with why the session ended; at once if it has already. Returns the way to stop listening. A reason other
   * than that of one's own `close` is "link-closed" with a text that says what was seen.
   */
  onClose(listener: (reason: FirefliesError, ending: Ending) => void): () => void;
  /** Called once the other end takes calls; at once, when it does already. The end that accepted waits for its word. */
  onReady(listener: () => void): void;
  /** Another session with the member serves what is opened from now on. Takes new things as before. */
  supersede(): void;
  /** Called when that happens: who keeps a duplex for later use ends it when it is idle. Returns the way to stop listening. */
  onSuperseded(listener: () => void): () => void;
}
