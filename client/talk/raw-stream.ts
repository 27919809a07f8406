/**
 * A stream of the application as bytes, without the borders of messages: a Duplex as a socket is. Half-close, back-pressure
 * and errors are those of the stream of messages below it.
 */
import { Duplex } from "node:stream";
import { iterated } from "../../net/index.js";
import { STREAM_CHUNK_BYTES_MAX } from "../protocols.js";

/** Bytes read ahead of the program: what TLS and sockets hand over at once. */
const READ_AHEAD_BYTES = 64 * 1024;
/** Bytes that the program may write ahead of the stream below. */
const WRITE_AHEAD_BYTES = 256 * 1024;

type Callback = (error?: Error | null) => void;

export class RawStream extends Duplex {
  readonly #below: Duplex;
  #isRead = false;

  constructor(below: Duplex) {
    super({ readableHighWaterMark: READ_AHEAD_BYTES, writableHighWaterMark: WRITE_AHEAD_BYTES });
    this.#below = below;
    this.on("error", () => {}); // As for streams of messages: a forgotten listener costs nobody the process.
    below.on("error", (error) => this.#onError(error));
    below.on("close", () => this.#onClose());
    below.on("reconnect", (why) => this.emit("reconnect", why));
    if (below.destroyed) this.destroy(below.errored ?? undefined);
  }

  /** As of a stream of messages: reading to the end leaves the other direction open, leaving the loop early destroys it. */
  override [Symbol.asyncIterator](): ReturnType<Duplex[typeof Symbol.asyncIterator]> {
    return iterated(this);
  }

  override _read(): void {
    if (this.#isRead) this.#below.resume();
    else this.#begin();
  }

  override _write(chunk: Uint8Array, _encoding: string, done: Callback): void {
    this.#send([chunk], done);
  }

  override _writev(chunks: readonly { readonly chunk: Uint8Array }[], done: Callback): void {
    this.#send(
      chunks.map(({ chunk }) => chunk),
      done,
    );
  }

  override _final(done: Callback): void {
    const { errored } = this.#below;
    if (errored) done(errored);
    else this.#below.end(done);
  }

  override _destroy(error: Error | null, done: Callback): void {
    this.#below.destroy(error ?? undefined);
    done(error);
  }

  /** Only now, so that what nobody reads looks like it from below as well. */
  #begin(): void {
    this.#isRead = true;
    this.#below.on("data", (message: Uint8Array) => {
      if (!this.push(message)) this.#below.pause();
    });
    this.#below.on("end", () => this.push(null));
  }

  #send(chunks: readonly Uint8Array[], done: Callback): void {
    const below = this.#below;
    // A write that was cut short says no more than that the stream is destroyed.
    const sent: Callback = (error) => done(error && (below.errored ?? error));
    below.cork();
    for (const [index, chunk] of chunks.entries()) this.#sendOne(chunk, index === chunks.length - 1 ? sent : undefined);
    below.uncork();
  }

  #sendOne(chunk: Uint8Array, done: Callback | undefined): void {
    let at = 0;
    for (; chunk.length - at > STREAM_CHUNK_BYTES_MAX; at += STREAM_CHUNK_BYTES_MAX) {
      this.#below.write(chunk.subarray(at, at + STREAM_CHUNK_BYTES_MAX));
    }
    this.#below.write(at === 0 ? chunk : chunk.subarray(at), done);
  }

  /** What came before the end in order is still read. */
  #onError(error: Error): void {
    if (this.#below.readableEnded && !this.readableEnded)
      this.once("end", () => setImmediate(() => this.destroy(error)));
    else this.destroy(error);
  }

  /** After both directions have ended this one closes by itself, when all is read. */
  #onClose(): void {
    if (this.#below.errored === null && !this.#below.readableEnded) this.destroy();
  }
}
