/**
 * A ByteDuplex over a bidirectional gRPC call. gRPC has no half-close by the called side and no code in a cancellation,
 * so both are messages of ours (End in the schema); its streams buffer 16 messages of any size, so they are kept short.
 */
import type { ClientDuplexStream, ServerDuplexStream } from "@grpc/grpc-js";
import { FirefliesError, isErrorCode } from "../../identity/index.js";
import { chunkProblem, MessageDuplex, resetError } from "../message-duplex.js";
import type { Piece } from "./service.js";
import { fromStatus, toStatus, type WireStatus } from "./status.js";

/** Bytes handed to HTTP/2 and not taken by its window yet, before the writer waits. */
const WRITE_AHEAD_BYTES = 256 * 1024;
/** How long a caller's last word may wait for room, in milliseconds, before the call is cancelled without it. */
const LAST_WORD_MS = 1_000;

type Raw = ClientDuplexStream<Piece, Piece> | ServerDuplexStream<Piece, Piece>;
type Callback = (error?: Error | null) => void;

abstract class GrpcDuplex extends MessageDuplex {
  protected readonly raw: Raw;
  protected peerEnded = false;
  protected selfEnded = false;
  /** The peer, or the loss of the link, has ended it: there is nobody to tell. */
  protected endedByPeer = false;
  readonly #bytesMax: number;
  #ahead = 0;
  #blocked: Callback | undefined;

  constructor(raw: Raw, bytesMax: number) {
    super();
    this.raw = raw;
    this.#bytesMax = bytesMax;
    prefetchOne(raw);
    raw.on("data", (piece: Piece) => this.#onPiece(piece));
  }

  /** Ends the call and tells the peer why, if it can still be told. */
  protected abstract abort(error: FirefliesError): void;

  protected get inOrder(): boolean {
    return this.peerEnded && this.selfEnded;
  }

  /** The peer's side of the call is over, in order or not. */
  protected onPeerGone(error: FirefliesError): void {
    if (this.inOrder || this.destroyed) return;
    this.endedByPeer = true;
    this.destroy(error);
  }

  override _read(): void {
    this.raw.resume();
  }

  override _write(chunk: unknown, _encoding: string, done: Callback): void {
    const problem = chunkProblem(chunk, this.#bytesMax);
    if (problem !== undefined) done(problem);
    else this.#send(chunk as Uint8Array, done);
  }

  #send(chunk: Uint8Array, done: Callback): void {
    this.#ahead += chunk.length;
    this.raw.write({ $case: "data", value: chunk } satisfies Piece, () => this.#onSent(chunk.length));
    if (this.#ahead < WRITE_AHEAD_BYTES) done();
    else this.#blocked = done;
  }

  #onSent(bytes: number): void {
    this.#ahead -= bytes;
    if (this.#ahead >= WRITE_AHEAD_BYTES) return;
    const done = this.#blocked;
    this.#blocked = undefined;
    done?.();
  }

  override _final(done: Callback): void {
    this.raw.write({ $case: "end", value: { code: "" } } satisfies Piece);
    this.selfEnded = true;
    this.#finish();
    done();
  }

  override _destroy(error: Error | null, done: Callback): void {
    this.#blocked = undefined;
    if (!this.inOrder) this.abort(resetError(error));
    this.raw.resume(); // What still comes is dropped, so that the call can end.
    done(error);
  }

  #onPiece(piece: Piece): void {
    if (this.destroyed) return;
    if (piece?.$case === "data") this.#onData(piece.value);
    else if (piece?.$case === "end") this.#onEnd(piece.value.code);
    else this.destroy(new FirefliesError("bad-frame"));
  }

  #onData(data: Uint8Array): void {
    const problem = this.peerEnded ? new FirefliesError("bad-frame") : chunkProblem(data, this.#bytesMax);
    if (problem !== undefined) this.destroy(problem);
    else if (!this.push(data)) this.raw.pause();
  }

  #onEnd(code: string): void {
    if (code !== "") {
      this.onPeerGone(new FirefliesError(isErrorCode(code) ? code : "stream-reset"));
    } else if (!this.peerEnded) {
      this.peerEnded = true;
      this.push(null);
      this.#finish();
    }
  }

  /** Not before both directions have ended: after HTTP/2's own end no code could follow. */
  #finish(): void {
    if (this.inOrder) this.raw.end();
  }
}

/** The caller's end. */
export class CallerDuplex extends GrpcDuplex {
  declare protected readonly raw: ClientDuplexStream<Piece, Piece>;

  constructor(raw: ClientDuplexStream<Piece, Piece>, bytesMax: number) {
    super(raw, bytesMax);
    raw.on("error", (error: Error & WireStatus) => this.onPeerGone(fromStatus(error)));
    raw.on("end", () => setImmediate(() => this.onPeerGone(new FirefliesError("stream-reset"))));
  }

  protected override abort(error: FirefliesError): void {
    if (this.endedByPeer) {
      this.raw.cancel();
      return;
    }
    // A cancellation would overtake the last word. The called side answers it with the end of the call.
    const timer = setTimeout(() => this.raw.cancel(), LAST_WORD_MS);
    this.raw.once("status", () => clearTimeout(timer));
    this.raw.end({ $case: "end", value: { code: error.code } } satisfies Piece);
  }
}

/** The called end. `linkLost` tells a cancelled call from a lost connection. */
export class CalledDuplex extends GrpcDuplex {
  declare protected readonly raw: ServerDuplexStream<Piece, Piece>;

  constructor(raw: ServerDuplexStream<Piece, Piece>, bytesMax: number, linkLost: () => boolean) {
    super(raw, bytesMax);
    const gone = () => this.onPeerGone(new FirefliesError(linkLost() ? "link-closed" : "stream-reset"));
    raw.on("cancelled", gone);
    raw.on("end", () => {
      if (!this.peerEnded) gone();
    });
  }

  protected override abort(error: FirefliesError): void {
    this.raw.emit("error", toStatus(error)); // How grpc-js is told to end a call with a status.
  }
}

/** grpc-js offers no option for it, and 16 large messages per stream would be held for a reader that has stopped. */
function prefetchOne(raw: Raw): void {
  const state = (raw as { _readableState?: { highWaterMark: number } })._readableState;
  if (state !== undefined) state.highWaterMark = 1;
}
