/**
 * Streams of the application: counted per member, cut when a member leaves the view, and with handlers that cannot take
 * the process down. The bytes themselves are the transport's duplexes (transport.ts): back-pressure and half-close are
 * theirs.
 */
import { FirefliesError, type MemberCertificate } from "../identity/index.js";
import type { ByteDuplex, Session } from "../net/index.js";
import { errorText } from "../net/index.js";
import type { MemberId } from "../rings/index.js";
import { STREAM } from "./protocols.js";

/**
 * Streams open at once with one member, either way: a reader that has stopped holds about 2 MiB at each end
 * (transport.ts, grpc/), so one member can hold 64 MB here at most.
 */
export const STREAMS_PER_PEER_MAX = 32;

export interface StreamContext {
  readonly from: MemberCertificate;
  /** Fires when the stream has ended, in whatever way. */
  readonly signal: AbortSignal;
}

/** What it throws or rejects ends the stream with "handler-failed" and nothing else. */
export type StreamHandler = (stream: ByteDuplex, context: StreamContext) => Promise<void> | void;

export class Streams {
  readonly #open = new Map<MemberId, Set<ByteDuplex>>();
  readonly #perPeerMax: number;

  constructor(perPeerMax: number = STREAMS_PER_PEER_MAX) {
    this.#perPeerMax = perPeerMax;
  }

  /** Streams open now, with everyone. */
  get size(): number {
    let size = 0;
    for (const streams of this.#open.values()) size += streams.size;
    return size;
  }

  /** Is a stream open with this member? */
  isOpenWith(id: MemberId): boolean {
    return this.#open.has(id);
  }

  /** Opens a stream to the member at the other end of a session. Throws "overloaded" when there are too many with it. */
  open(session: Session, options: { readonly signal?: AbortSignal | undefined } = {}): ByteDuplex {
    if (this.#full(session.peer.id)) throw tooMany();
    const stream = session.open(STREAM, options);
    this.#track(session.peer.id, stream);
    return stream;
  }

  /** Hands an incoming stream to the handler; without one it ends with "handler-missing". */
  accept(peer: MemberCertificate, stream: ByteDuplex, handler: StreamHandler | undefined): void {
    if (handler === undefined) stream.destroy(new FirefliesError("handler-missing"));
    else if (this.#full(peer.id)) stream.destroy(tooMany());
    else this.#handle(peer, stream, handler);
  }

  /** Ends all streams with a member: it has left the view. */
  endAll(id: MemberId, error = new FirefliesError("peer-removed")): void {
    for (const stream of [...(this.#open.get(id) ?? [])]) stream.destroy(error);
  }

  /** Ends all streams. */
  close(error = new FirefliesError("link-closed")): void {
    for (const id of [...this.#open.keys()]) this.endAll(id, error);
  }

  #handle(peer: MemberCertificate, stream: ByteDuplex, handler: StreamHandler): void {
    this.#track(peer.id, stream);
    const ended = new AbortController();
    stream.once("close", () => ended.abort());
    run(handler, stream, { from: peer, signal: ended.signal });
  }

  #full(id: MemberId): boolean {
    return (this.#open.get(id)?.size ?? 0) >= this.#perPeerMax;
  }

  #track(id: MemberId, stream: ByteDuplex): void {
    const streams = this.#open.get(id) ?? new Set();
    streams.add(stream);
    this.#open.set(id, streams);
    stream.once("close", () => {
      streams.delete(stream);
      if (streams.size === 0 && this.#open.get(id) === streams) this.#open.delete(id);
    });
  }
}

async function run(handler: StreamHandler, stream: ByteDuplex, context: StreamContext): Promise<void> {
  try {
    await handler(stream, context);
  } catch (error) {
    if (!stream.destroyed) stream.destroy(new FirefliesError("handler-failed", errorText(error) || undefined));
  }
}

function tooMany(): FirefliesError {
  return new FirefliesError("overloaded", "Too many streams with this member are open. End some first.");
}
