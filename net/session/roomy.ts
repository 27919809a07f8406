/**
 * What stands between TLS and the transport's connection: room for all that the other end lets us send unasked. TLS and
 * HTTP/2 of Node work on it in small steps that never fail and never wait for the other end's reading. Directly on a socket
 * of the system they have three faults, all of which this takes away:
 * - HTTP/2 does not read while a write of its own waits, so two ends that fill the path both ways wait for each other for ever.
 * - A reset that arrives meanwhile shows as a failed write that nobody is told of: no event of socket, TLS or session comes,
 *   and calls wait until something else ends them (Node 20.20, 22.23 and 24.21).
 * - The same failed write, while input is being processed, makes Node 20.20 process freed input: the process dies.
 */
import { Socket } from "node:net";
import { Duplex } from "node:stream";
import { handedOut } from "./garbage.js";
import { WINDOW_BYTES } from "./limits.js";
import { release, releaseMessage } from "./release.js";

/** Full windows of data, with frames, records and last words beside it. */
const ROOM_WINDOWS = 2;
/**
 * An idle session sends nothing and may stand for days. TCP itself then finds an end that is gone (a machine without power),
 * and middleboxes remember the connection: an empty segment after so many idle milliseconds.
 */
export const KEEPALIVE_MS = 20 * 60_000;
/** Read ahead of TLS, in bytes: one read of the system's. */
const READ_AHEAD_BYTES = 64 * 1024;

export class RoomyDuplex extends Duplex {
  /** The transport's. */
  readonly below: Duplex;
  /**
   * Gives back what was read and is used up: of a socket of the system's, and of a connection through relays, nobody else has
   * it. So it is with what TLS has written. Other transports share buffers.
   */
  readonly #release: ((chunk: Buffer<ArrayBuffer>) => void) | undefined;
  /** Bytes that writes do not wait for. */
  readonly #room: number;

  /** `windowBytes`: what the other end lets us send unasked. */
  constructor(below: Duplex, windowBytes = WINDOW_BYTES) {
    super({ highWaterMark: READ_AHEAD_BYTES });
    this.below = below;
    this.#room = ROOM_WINDOWS * windowBytes;
    this.#release = releaserOf(below);
    if (below instanceof Socket) below.setKeepAlive(true, KEEPALIVE_MS);
    below.on("data", (chunk: Buffer<ArrayBuffer>) => {
      if (!this.push(chunk)) below.pause();
      // TLS takes a copy in the turn in which it is given a chunk.
      if (this.#release === undefined) handedOut(chunk.length);
      else if (this.readableLength === 0) this.#release(chunk);
    });
    below.on("end", () => {
      this.push(null);
      below.end(); // A session has no half: a process that died says only this.
    });
    below.on("error", (error) => this.destroy(error));
    below.on("close", () => this.destroy());
    if (below.destroyed) this.destroy();
  }

  override _read(): void {
    this.below.resume();
  }

  override _write(chunk: Buffer<ArrayBuffer>, _encoding: string, done: () => void): void {
    this.#send(chunk);
    this.#whenRoom(done);
  }

  override _writev(chunks: readonly { readonly chunk: Buffer<ArrayBuffer> }[], done: () => void): void {
    this.below.cork();
    for (const { chunk } of chunks) this.#send(chunk);
    this.below.uncork();
    this.#whenRoom(done);
  }

  override _final(done: () => void): void {
    this.below.end(done);
  }

  /** With an end before it: what the other side has not read yet stays readable, a last word above all. */
  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    if (!this.below.writableEnded) this.below.end();
    this.below.destroy();
    done(error);
  }

  #send(chunk: Buffer<ArrayBuffer>): void {
    this.below.write(chunk, (error) => {
      if (this.#release && !error) release(chunk);
    });
  }

  #whenRoom(done: () => void): void {
    if (this.below.writableLength < this.#room) done();
    else this.below.once("drain", done);
  }
}

/** How the memory of a chunk that came is given back; undefined where another one may have it. */
export function releaserOf(below: Duplex): ((chunk: Buffer<ArrayBuffer>) => void) | undefined {
  if (below instanceof Socket || ("ownsChunks" in below && below.ownsChunks === true)) return release;
  return "ownsMessages" in below && below.ownsMessages === true ? releaseMessage : undefined;
}
