/**
 * One bidirectional gRPC call as pieces both ways, the same for the end that called and for the end that was called. gRPC
 * has no half-close by the called side and no code in a cancellation: these are pieces too. What the two ends of HTTP/2 do
 * differently is how a stream ends.
 */
import { type ClientHttp2Stream, constants, type Http2Stream, type ServerHttp2Stream } from "node:http2";
import type { FirefliesError } from "../../identity/index.js";
import { RESPONSE_HEADERS } from "./headers.js";
import { Inbox, type InboxCarrier, type InboxEvents } from "./inbox.js";
import { LAST_WORD_MS } from "./limits.js";
import { decodePiece, END_IN_ORDER, encodeAll, encodeEnd, type Piece } from "./pieces.js";
import { errorOfReset, fromStatus, OK, type PeerError, type StatusFields, toStatus, wordsOf } from "./status.js";

export interface ChannelEvents {
  /** Whether more is wanted now; if not, `resume` says when. */
  onPiece(piece: Piece): boolean;
  /** The other side has taken the call. */
  onAccepted?(): void;
  /** The other side says nothing more. */
  onHalfClose(): void;
  /** The other side, or the loss of the session, has ended the call. Nothing follows. */
  onGone(error: PeerError): void;
}

/** What a channel needs of its session. */
export interface Carrier extends InboxCarrier {
  /** Bytes are on their way. */
  sent(): void;
  /** Calls back when the other process has everything that was sent before. Never, if the session is lost. */
  confirm(done: () => void): void;
  /** Why the session is gone; undefined while it is there. */
  readonly loss: FirefliesError | undefined;
}

const ignored = (): void => {};

export abstract class Channel implements InboxEvents {
  protected abstract readonly stream: Http2Stream;
  readonly #carrier: Carrier;
  #inbox!: Inbox;
  #events: ChannelEvents | undefined;
  #isDone = false;
  /** What ended the stream, while what had come before is read. */
  #loss: PeerError | undefined;

  constructor(carrier: Carrier) {
    this.#carrier = carrier;
  }

  /** To be called by the subclass once it has its stream. */
  protected listen(bytesMax: number): void {
    const { stream } = this;
    stream.on("error", ignored); // "close" follows.
    this.#inbox = new Inbox(stream, this.#carrier, bytesMax, this);
    stream.once("close", () => {
      if (!this.#isDone) this.lose(this.#carrier.loss ?? errorOfReset(stream.rstCode));
    });
  }

  /** Pieces go there from now on. What came before is lost, so this happens in the turn in which the channel is made. */
  use(events: ChannelEvents): void {
    this.#events = events;
  }

  /** Bytes of one message from now on. */
  limit(bytesMax: number): void {
    this.#inbox.bytesMax = bytesMax;
  }

  get isOpen(): boolean {
    return !this.#isDone && !this.stream.destroyed && !this.stream.closed;
  }

  private get isWritable(): boolean {
    return !this.stream.destroyed && !this.stream.closed && !this.stream.writableEnded;
  }

  /** More pieces are wanted. */
  resume(): void {
    this.#inbox.resume();
  }

  /** Calls back when HTTP/2 has sent it. Nothing happens when the stream is gone. */
  write(message: Uint8Array, sent?: () => void): void {
    this.writeAll([message], sent);
  }

  /** Several at once: they leave together. */
  writeAll(messages: readonly Uint8Array[], sent?: () => void): void {
    if (!this.isWritable) return;
    this.answer(messages, sent);
    this.#carrier.sent();
  }

  /** The same of a call that was asked here: nothing has to come back, so nothing is awaited. */
  answer(messages: readonly Uint8Array[], sent?: () => void): void {
    const { stream } = this;
    if (!this.isWritable) return;
    const last = messages.length - 1;
    if (last > 0) stream.cork();
    for (let at = 0; at < last; at++) stream.write(messages[at]);
    // Nothing may be done to a stream within its own write callback (nodejs/node#49147).
    stream.write(messages[last], sent && (() => process.nextTick(sent)));
    if (last > 0) stream.uncork();
  }

  /** Data, of which long chunks are not copied. Calls back when HTTP/2 has sent all of it. */
  writeData(chunks: readonly Uint8Array[], sent: () => void): void {
    this.writeAll(encodeAll(chunks), sent);
  }

  /** Ends our direction; calls back when the other process has all of it. */
  close(done: () => void): void {
    this.write(END_IN_ORDER, () => this.#carrier.confirm(done));
  }

  /** In order: all was said both ways. */
  end(): void {
    if (this.#isDone) return;
    this.#isDone = true;
    this.#inbox.close();
    this.finish(undefined);
    cutSoon(this.stream);
  }

  /** Out of order; the other side learns why if it still reads. */
  reset(error: PeerError): void {
    if (this.#isDone) return;
    this.#isDone = true;
    this.#inbox.close();
    this.finish(error);
    cutSoon(this.stream);
  }

  /** The stream is gone, or about to be. What had come in order before is still handed out. */
  lose(error: FirefliesError): void {
    if (this.#isDone || this.#loss !== undefined) return;
    if (this.#inbox.salvage(isOrderlyEnd)) this.#loss = error;
    else this.#over(error); // A reset might still reach the other side, which would take it for the program's.
  }

  /** Our side gives it up: as `lose`, and the other side learns why when there is nothing left to hand out. */
  giveUp(error: FirefliesError): void {
    if (this.#isDone || this.#loss !== undefined) return;
    if (this.#inbox.salvage(isOrderlyEnd)) this.#loss = error;
    else this.#events?.onGone(error);
  }

  protected gone(error: PeerError): void {
    if (this.#isDone) return;
    this.#over(error);
    this.leave();
  }

  /** What is left of the stream, once the other side has ended the call. */
  protected leave(): void {
    cut(this.stream);
  }

  #over(error: PeerError): void {
    this.#isDone = true;
    this.#inbox.close();
    this.#events?.onGone(error);
  }

  /** Ends our direction, with the reason if there is one. */
  protected abstract finish(error: PeerError | undefined): void;

  // Of the inbox.

  onMessage(message: Buffer): boolean {
    return this.#events?.onPiece(pieceIn(message)) ?? true;
  }

  onEnd(): void {
    if (this.#loss === undefined) this.#events?.onHalfClose();
    else this.gone(this.#loss);
  }

  onProblem(error: FirefliesError): void {
    if (this.#isDone) return;
    this.#isDone = true;
    this.#events?.onGone(error);
    this.finish(error);
    cutSoon(this.stream);
  }
}

/**
 * The last word may wait for room that never comes; the stream does not. Nor may it be reset at once: HTTP/2 then drops what
 * has not left yet, the status among it.
 */
export function cutSoon(stream: Http2Stream): void {
  if (stream.destroyed) return;
  const timer = setTimeout(() => cut(stream), LAST_WORD_MS);
  stream.once("close", () => clearTimeout(timer));
}

function cut(stream: Http2Stream): void {
  if (!stream.destroyed) stream.close(constants.NGHTTP2_CANCEL);
}

function pieceIn(message: Buffer): Piece {
  try {
    return decodePiece(message);
  } catch {
    return undefined;
  }
}

function isOrderlyEnd(message: Buffer): boolean {
  const piece = pieceIn(message);
  return piece?.kind === "end" && piece.code === "";
}

/** At the end that dialled. */
export class DialledChannel extends Channel {
  protected readonly stream: ClientHttp2Stream;
  readonly #onAccepted: () => void;

  constructor(stream: ClientHttp2Stream, carrier: Carrier, bytesMax: number, onAccepted: () => void = () => {}) {
    super(carrier);
    this.stream = stream;
    this.#onAccepted = onAccepted;
    stream.on("response", (headers) => this.#onFields(headers));
    stream.on("trailers", (trailers) => this.#onFields(trailers));
    this.listen(bytesMax);
  }

  #onFields(fields: Readonly<Record<string, unknown>>): void {
    if (fields["grpc-status"] === undefined) {
      this.#onAccepted();
      return;
    }
    const error = fromStatus(fields);
    if (error !== undefined) this.gone(error);
  }

  /**
   * Ended, not reset, where nothing waits to be sent: HTTP/2 servers end a session on which more than 1,000 resets have come,
   * and 33 more a second (nghttp2's guard against a flood of them, which no option of Node 20 moves).
   */
  protected override leave(): void {
    const { stream } = this;
    if (stream.closed || stream.writableLength > 0) super.leave();
    else if (!stream.destroyed) {
      stream.end();
      cutSoon(stream);
    }
  }

  protected override finish(error: PeerError | undefined): void {
    if (this.stream.destroyed || this.stream.writableEnded) return;
    if (error === undefined) {
      this.stream.end();
      return;
    }
    const { code, text } = wordsOf(error);
    this.stream.end(encodeEnd(code, text));
  }
}

/** At the end that accepted. */
export class AcceptedChannel extends Channel {
  protected readonly stream: ServerHttp2Stream;

  constructor(stream: ServerHttp2Stream, carrier: Carrier, bytesMax: number) {
    super(carrier);
    this.stream = stream;
    stream.respond(RESPONSE_HEADERS, { waitForTrailers: true });
    this.listen(bytesMax);
  }

  protected override finish(error: PeerError | undefined): void {
    endWithStatus(this.stream, error === undefined ? OK : toStatus(error));
  }
}

/** Ends a called side's stream with a status, in trailers or, when nothing was said yet, alone. */
export function endWithStatus(stream: ServerHttp2Stream, status: StatusFields): void {
  if (stream.destroyed || stream.closed || stream.writableEnded) return;
  if (!stream.headersSent) {
    stream.respond({ ...RESPONSE_HEADERS, ...status }, { endStream: true });
    return;
  }
  stream.once("wantTrailers", () => {
    if (!stream.destroyed) stream.sendTrailers({ ...status });
  });
  stream.end();
}
