/** A connection that was upgraded, as a Duplex of bytes: what a command speaks over it is its own affair. */
import { Duplex } from "node:stream";
import { FirefliesError } from "../../../identity/errors/error.js";
import { STREAM_CHUNK_BYTES } from "../wire.js";
import type { FrameConnection } from "./client.js";

type Callback = (error?: Error | null) => void;

export class FrameDuplex extends Duplex {
  readonly #connection: FrameConnection;
  #wanted: () => void = () => {};

  constructor(connection: FrameConnection) {
    super({ allowHalfOpen: true });
    this.#connection = connection;
    this.on("error", () => {}); // Who reads is told; what comes later is of no use.
    void this.#readAll();
  }

  override _read(): void {
    this.#wanted();
  }

  override _write(chunk: Buffer, _encoding: string, done: Callback): void {
    this.#send(chunk).then(() => done(), done);
  }

  override _final(done: Callback): void {
    this.#connection.send("end").then(() => done(), done);
  }

  override _destroy(error: Error | null, done: Callback): void {
    this.#connection.close();
    this.#wanted();
    done(error);
  }

  async #send(chunk: Buffer): Promise<void> {
    for (let at = 0; at < chunk.length; at += STREAM_CHUNK_BYTES) {
      await this.#connection.send("data", chunk.subarray(at, at + STREAM_CHUNK_BYTES));
    }
  }

  async #readAll(): Promise<void> {
    try {
      for await (const { kind, data } of this.#connection.frames) {
        if (kind === "data" && !this.push(data)) await this.#untilWanted();
        if (kind === "end") this.push(null);
        if (kind === "end" || this.destroyed) return;
      }
      this.destroy(new FirefliesError("agent-stopped", "The agent ended before the connection did."));
    } catch (error) {
      this.destroy(error as Error);
    }
  }

  #untilWanted(): Promise<void> {
    return new Promise((resolve) => {
      this.#wanted = resolve;
      if (this.destroyed) resolve();
    });
  }
}
