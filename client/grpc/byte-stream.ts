/**
 * Bytes over a duplex of messages: what a gRPC connection of a program runs on. HTTP/2 of Node does not read while a write
 * of its own waits, so two ends that fill the path both ways would wait for each other for ever: writes here do not wait
 * before they are more than all that the other end lets us send unasked.
 */
import { Duplex } from "node:stream";
import type { ByteDuplex } from "../../net/index.js";
import { SERVICE_CHUNK_BYTES_MAX, SERVICE_WINDOW_BYTES } from "./limits.js";

/** A full window of data, with frames and headers beside it. */
const ROOM_BYTES = 2 * SERVICE_WINDOW_BYTES;

export class ByteStream extends Duplex {
  readonly #below: ByteDuplex;
  /** Written, and not taken by the duplex yet. */
  #waiting = 0;
  #blocked: (() => void) | undefined;

  /** `onBytes` sees what arrives, before HTTP/2 does. */
  constructor(below: ByteDuplex, onBytes: (bytes: Uint8Array) => void = () => {}) {
    super({ highWaterMark: SERVICE_CHUNK_BYTES_MAX });
    this.#below = below;
    this.on("error", () => {}); // "close" follows.
    below.on("data", (message: Uint8Array) => {
      onBytes(message);
      if (!this.destroyed && !this.push(message)) below.pause();
    });
    below.on("end", () => this.push(null));
    below.on("error", (error) => this.destroy(connectionLost(error)));
    below.on("close", () => this.destroy());
    if (below.destroyed) this.destroy(connectionLost(below.errored));
  }

  override _read(): void {
    this.#below.resume();
  }

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.#send(chunk, done);
  }

  override _writev(chunks: readonly { readonly chunk: Buffer }[], done: () => void): void {
    this.#send(Buffer.concat(chunks.map(({ chunk }) => chunk)), done);
  }

  override _final(done: () => void): void {
    this.#below.end(() => done());
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#blocked = undefined;
    this.#below.destroy();
    done(error);
  }

  #send(bytes: Buffer, done: () => void): void {
    for (let at = 0; at < bytes.length; at += SERVICE_CHUNK_BYTES_MAX) {
      const part = bytes.subarray(at, at + SERVICE_CHUNK_BYTES_MAX);
      this.#waiting += part.length;
      this.#below.write(part, () => this.#onTaken(part.length));
    }
    if (this.#waiting < ROOM_BYTES) done();
    else this.#blocked = done;
  }

  #onTaken(bytes: number): void {
    this.#waiting -= bytes;
    if (this.#waiting >= ROOM_BYTES) return;
    const done = this.#blocked;
    this.#blocked = undefined;
    done?.();
  }
}

/** As a socket of the system says it: of these alone grpc-js makes UNAVAILABLE, with the text. */
export function connectionLost(error: Error | null): Error {
  return Object.assign(new Error(error?.message ?? "The connection ended."), { code: "ECONNRESET", cause: error });
}
