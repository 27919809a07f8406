/**
 * The byte transport below the overlay, as a port: it yields links whose other end is a proven member of this network.
 * TCP with TLS and gRPC is one implementation (grpc/), memory.ts another; test/client/transport-contract.ts holds both
 * to what is written here.
 */
import type { Duplex } from "node:stream";
import type { Identity, MemberCertificate } from "../identity/index.js";
import type { MemberId } from "../rings/index.js";

/** One request and one answer: reconciliation, and the failure detector's fallback. */
export type CallKind = "exchange" | "probe";
/** Long-lived: the signed messages of a link, or one stream of the application. */
export type DuplexKind = "messages" | "stream";

/** Largest message of the application, in bytes: the size that gRPC deployments take as their default limit. */
export const MESSAGE_BYTES_MAX = 4 * 1024 * 1024;
/** What a frame may add to one message of that size: list, signature and envelope, with room for small ones beside it. */
const FRAME_OVERHEAD_BYTES = 64 * 1024;
/** Largest message on a stream, in bytes: some of them wait at either end when the reader stops, per stream. */
export const STREAM_CHUNK_BYTES_MAX = 1024 * 1024;
/** Largest body of a call, in bytes. */
export const CALL_BYTES_MAX = MESSAGE_BYTES_MAX + FRAME_OVERHEAD_BYTES;
/** Largest message of each kind of duplex, in bytes. */
export const DUPLEX_BYTES_MAX = {
  messages: MESSAGE_BYTES_MAX + FRAME_OVERHEAD_BYTES,
  stream: STREAM_CHUNK_BYTES_MAX,
} as const satisfies Record<DuplexKind, number>;

/**
 * Messages of bytes in both directions: a node Duplex in object mode whose objects are Uint8Array.
 * - Back-pressure is end to end: while the other side does not read, writes wait and what is held stays bounded.
 * - `end()` closes one direction; the other goes on. Both ended: "close" without an error.
 * - `destroy(error)` ends both at once; the code of a FirefliesError travels, and the other side's "error" carries it.
 *   Without an error, and for any other error, the code is "stream-reset".
 * - A lost link ends it with "link-closed". It ends once; "close" is the last event.
 * - An "error" listener is attached already: an application that forgets one does not lose its process.
 */
export type ByteDuplex = Duplex;

/** What the owner of a listener decides and answers. None of these may block; what they throw or reject is contained. */
export interface TransportHandlers {
  /**
   * Whether this member may talk to me now: undefined to accept, or a reason ("removed", "revoked", ...; an ErrorCode
   * reaches the peer as such, anything else as "peer-refused"). Asked for every call and every duplex (R17), and before
   * that for every connection: who is refused then is cut without a word.
   */
  admit(peer: MemberCertificate): string | undefined;
  /** `signal` fires when the caller no longer waits. A FirefliesError reaches the caller with its code. */
  onCall(peer: MemberCertificate, kind: CallKind, body: Uint8Array, signal: AbortSignal): Promise<Uint8Array>;
  onDuplex(peer: MemberCertificate, kind: DuplexKind, duplex: ByteDuplex): void;
}

export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds until the call fails with "timeout". Every call has a deadline. */
  readonly timeoutMs: number;
}

/** A connection to one proven member, made by us. */
export interface Link {
  /** Whom the handshake proved the other end to be. */
  readonly peer: MemberCertificate;
  /** Whether the link is gone; it never comes back, dial again. */
  readonly closed: boolean;
  /**
   * Rejects with a FirefliesError: "timeout", "cancelled", "link-closed", "message-too-large", "peer-refused",
   * "certificate-invalid" (the peer's has expired since), "handler-failed", or the code that the peer's handler threw.
   */
  call(kind: CallKind, body: Uint8Array, options: CallOptions): Promise<Uint8Array>;
  /** Returns at once; a refusal arrives as the duplex's "error". `signal` destroys it with "cancelled". */
  open(kind: DuplexKind, options?: { readonly signal?: AbortSignal | undefined }): ByteDuplex;
  /** Ends calls and duplexes with "link-closed". Leaves no handle behind. */
  close(): void;
  /** Called once, at the loss or the close of the link; at once if it is closed already. Returns the way to stop listening. */
  onClose(listener: () => void): () => void;
}

export interface Listener {
  readonly host: string;
  /** The port in use, also when 0 was asked for. */
  readonly port: number;
  /** Asks dates and `admit` again for everyone connected, and cuts who is refused: after a revocation or a removal. */
  recheck(): void;
  /** Takes no more, ends duplexes with "link-closed", gives running calls `graceMs`, then cuts. */
  close(graceMs: number): Promise<void>;
}

export interface ListenOptions {
  /** A host name or address; "::" and "0.0.0.0" for all. */
  readonly host: string;
  /** 0 for any free one. */
  readonly port: number;
  readonly handlers: TransportHandlers;
}

export interface DialOptions {
  /** Refuse anyone else with "peer-mismatch". */
  readonly expect?: MemberId | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds for name look-up, connection and handshake together; then "timeout". */
  readonly timeoutMs: number;
}

export interface Transport {
  /** Rejects with "address-in-use" or "address-invalid". */
  listen(options: ListenOptions): Promise<Listener>;
  /**
   * `address` is "host:port". Resolves when the link is up and the other end proven. Rejects with "peer-unreachable",
   * "timeout", "cancelled", "address-invalid", "certificate-invalid" or "peer-mismatch".
   */
  dial(address: string, options: DialOptions): Promise<Link>;
}

/** What any transport needs to know about its own end. */
export interface TransportOptions {
  /** Asked at every connection, so that a renewed certificate is used from then on. */
  readonly identity: () => Identity;
  /** Unix time in milliseconds by which certificate dates are judged (R18); the driver may freeze it. */
  readonly now: () => number;
  /** See `verifyAgainst`: a peer's certificate may show that this time is behind. */
  readonly proves?: ((begin: number) => void) | undefined;
  /**
   * The newest certificate that is held for a peer's id and key. A handshake proves a key, and its certificates follow
   * each other: a link goes on over a renewal. Without it a link ends with the certificate that it was made with.
   */
  readonly current?: ((peer: MemberCertificate) => MemberCertificate) | undefined;
}
