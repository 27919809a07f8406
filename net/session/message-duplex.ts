/** What all duplexes of messages have in common (ByteDuplex in session.ts): how they are read, and how much waits in them. */
import { Duplex } from "node:stream";
import { WRITE_AHEAD_BYTES } from "./limits.js";

/** The parts of a member that watch one stream and the program's own pipes: some dozen listeners, each added once. */
const LISTENERS_MAX = 32;

export abstract class MessageDuplex extends Duplex {
  constructor() {
    super({
      readableObjectMode: true,
      readableHighWaterMark: 1,
      writableHighWaterMark: WRITE_AHEAD_BYTES,
      decodeStrings: false,
    });
    this.setMaxListeners(LISTENERS_MAX);
    this.on("error", () => {}); // Promised: a forgotten listener costs nobody the process.
  }

  /**
   * As Readable's, but reading to the end leaves the other direction open: `for await (...) {}` and then a last
   * `write` is how handlers are written. Leaving the loop early destroys, as usual.
   */
  override [Symbol.asyncIterator](): ReturnType<Duplex[typeof Symbol.asyncIterator]> {
    return this.#iterate() as ReturnType<Duplex[typeof Symbol.asyncIterator]>;
  }

  async *#iterate(): AsyncGenerator<Uint8Array, undefined, undefined> {
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
