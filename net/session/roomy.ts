/**
 * A connection with room for all that the other end may be sent unasked (window.ts says why). TCP's own buffers grow with
 * the window; a transport written in JavaScript has some fixed room, so this stands above it.
 */
import { Socket } from "node:net";
import { Duplex } from "node:stream";
import { WINDOW_BYTES } from "./limits.js";

/** A full window of data, with frames, records and last words beside it. */
const ROOM_BYTES = 2 * WINDOW_BYTES;

/** The connection itself if it is the system's. */
export function roomy(connection: Duplex): Duplex {
  return connection instanceof Socket ? connection : new RoomyDuplex(connection);
}

class RoomyDuplex extends Duplex {
  readonly #below: Duplex;

  constructor(below: Duplex) {
    super();
    this.#below = below;
    below.on("data", (chunk: Buffer) => {
      if (!this.push(chunk)) below.pause();
    });
    below.on("end", () => this.push(null));
    below.on("error", (error) => this.destroy(error));
    below.on("close", () => this.destroy());
  }

  override _read(): void {
    this.#below.resume();
  }

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.#below.write(chunk);
    if (this.#below.writableLength < ROOM_BYTES) done();
    else this.#below.once("drain", done);
  }

  override _final(done: () => void): void {
    this.#below.end(done);
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#below.destroy();
    done(error);
  }
}
