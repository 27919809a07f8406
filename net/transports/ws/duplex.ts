/** The bytes of one WebSocket as a Duplex: binary messages, of which an empty one is the end. */
import { Duplex } from "node:stream";
import type { WebSocket } from "ws";
import { handedOut } from "../../session/garbage.js";

/** Bytes of one message that is sent: what comes over TLS fits, and a proxy that buffers messages buffers little. */
const MESSAGE_BYTES = 64 * 1024;
/** Bytes that either direction holds before a write waits. */
const BUFFER_BYTES = 64 * 1024;

type Done = (error?: Error | null) => void;

export class WebSocketDuplex extends Duplex {
  /** As sockets count. */
  bytesRead = 0;
  /** Of what it brings and is given nobody else has a part (session/roomy.ts). */
  readonly ownsChunks = true;
  readonly #ws: WebSocket;
  #hasEnded = false;

  constructor(ws: WebSocket) {
    super({ highWaterMark: BUFFER_BYTES });
    this.#ws = ws;
    ws.binaryType = "nodebuffer";
    ws.on("message", (data: Buffer, isBinary: boolean) => this.#receive(data, isBinary));
    ws.on("error", (error) => this.destroy(error));
    ws.on("close", () => this.#closed());
    this.on("error", () => {}); // As of every connection: "close" follows.
  }

  override _read(): void {
    if (this.#ws.isPaused) this.#ws.resume();
  }

  override _write(chunk: Buffer, _encoding: string, done: Done): void {
    let at = 0;
    const next: Done = (error) => {
      if (error || at >= chunk.length) {
        done(error);
        return;
      }
      const piece = chunk.subarray(at, at + MESSAGE_BYTES);
      at += piece.length;
      this.#ws.send(piece, { binary: true }, next);
    };
    next();
  }

  override _final(done: Done): void {
    this.#ws.send(new Uint8Array(0), { binary: true }, done);
  }

  /** In order, a closing handshake: to cut at once could take from the other side what it has not read yet. */
  override _destroy(error: Error | null, done: Done): void {
    const inOrder = error === null && this.readableEnded && this.writableFinished;
    if (inOrder) {
      this.#ws.resume();
      this.#ws.close();
    } else {
      this.#ws.terminate();
    }
    done(error);
  }

  #receive(data: Buffer, isBinary: boolean): void {
    if (this.destroyed || this.#hasEnded) return;
    if (!isBinary) {
      this.destroy(new Error("The other side sent text."));
    } else if (data.length === 0) {
      this.#hasEnded = true;
      this.push(null);
    } else {
      this.bytesRead += data.length;
      handedOut(data.length); // The package has a buffer of the socket's beside it.
      if (!this.push(data)) this.#ws.pause();
    }
  }

  #closed(): void {
    if (this.#hasEnded && this.writableFinished) return;
    this.destroy(Object.assign(new Error("The other side cut the connection."), { code: "ECONNRESET" }));
  }
}
