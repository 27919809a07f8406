/** What all implementations of a ByteDuplex (transport.ts) have in common. */
import { Duplex } from "node:stream";
import { FirefliesError } from "../identity/index.js";

/** Messages held per direction and end before `write` says to wait. */
const MESSAGES_HELD = 2;

export abstract class MessageDuplex extends Duplex {
  constructor() {
    super({ objectMode: true, highWaterMark: MESSAGES_HELD });
    this.on("error", () => {}); // The port promises that a forgotten listener costs nobody the process.
  }

  /**
   * As Readable's, but reading to the end leaves the other direction open: `for await (...) {}` and then a last
   * `write` is how handlers are written. Leaving the loop early destroys, as usual.
   */
  override [Symbol.asyncIterator](): ReturnType<Duplex[typeof Symbol.asyncIterator]> {
    return this.#read() as ReturnType<Duplex[typeof Symbol.asyncIterator]>;
  }

  async *#read(): AsyncGenerator<Uint8Array, undefined, undefined> {
    let ended = false;
    try {
      for await (const chunk of this.iterator({ destroyOnReturn: false })) yield chunk as Uint8Array;
      ended = true;
    } finally {
      if (!ended) this.destroy();
    }
    return undefined;
  }
}

class FailedDuplex extends MessageDuplex {
  override _read(): void {}
}

/** A duplex that could not be opened: it ends with `error` as any other would. */
export function failedDuplex(error: FirefliesError): Duplex {
  return new FailedDuplex().destroy(error);
}

/** What a duplex that was destroyed with `error` tells the other side. */
export function resetError(error: Error | null | undefined): FirefliesError {
  return error instanceof FirefliesError ? error : new FirefliesError("stream-reset");
}

/** Why `chunk` may not be written: not bytes, or more than `bytesMax`. */
export function chunkProblem(chunk: unknown, bytesMax: number): Error | undefined {
  if (!(chunk instanceof Uint8Array)) return new TypeError("A message on a stream is a Uint8Array.");
  if (chunk.length <= bytesMax) return undefined;
  return new FirefliesError(
    "message-too-large",
    `A message of ${chunk.length} bytes is over the limit of ${bytesMax}. Send it in parts.`,
  );
}
