/** What all duplexes of messages have in common (ByteDuplex in session.ts): how they are read, and how much waits in them. */
import { Duplex } from "node:stream";
import { WRITE_AHEAD_BYTES } from "./limits.js";
import type { ByteCounter } from "./session.js";

/** The parts of a member that watch one stream and the program's own pipes: some dozen listeners, each added once. */
const LISTENERS_MAX = 32;

export abstract class MessageDuplex extends Duplex {
  /** See `ByteDuplex`. */
  counter: ByteCounter | undefined;

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

  /** See `iterated`. */
  override [Symbol.asyncIterator](): ReturnType<Duplex[typeof Symbol.asyncIterator]> {
    return iterated(this);
  }
}

/**
 * What an async iterator of Readable yields, but reading to the end leaves the other direction open: `for await (...) {}`
 * and then a last `write` is how handlers are written. Leaving the loop early destroys, as usual.
 */
export function iterated(stream: Duplex): ReturnType<Duplex[typeof Symbol.asyncIterator]> {
  return chunksOf(stream) as ReturnType<Duplex[typeof Symbol.asyncIterator]>;
}

async function* chunksOf(stream: Duplex): AsyncGenerator<unknown, undefined, undefined> {
  let ended = false;
  try {
    yield* stream.iterator({ destroyOnReturn: false });
    ended = true;
  } finally {
    if (!ended) stream.destroy();
  }
  return undefined;
}
