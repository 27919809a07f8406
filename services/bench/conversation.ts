/** One end of the stream of a measurement: words and bytes out at the other side's pace, and words in, with the bytes before each. */
import { once } from "node:events";
import type { MessageStream } from "../../client/types.js";
import { FirefliesError } from "../../identity/index.js";
import { CHUNK, decodeSaid, encodeWord, type Word } from "./wire.js";

export interface Heard {
  readonly word: Word;
  /** That only filled, since the word before. */
  readonly bytes: number;
  /** From the first of these to this word, milliseconds. */
  readonly ms: number;
}

export class Conversation {
  /** Bytes of both directions so far. */
  bytesIn = 0;
  bytesOut = 0;
  readonly #stream: MessageStream;
  readonly #incoming: AsyncIterator<Uint8Array>;

  constructor(stream: MessageStream) {
    this.#stream = stream;
    this.#incoming = stream[Symbol.asyncIterator]();
  }

  /** Resolves when the other side has room for more: who does not read is told nothing more. Rejects as `fill` does. */
  async say(word: Word, signal: AbortSignal): Promise<void> {
    await this.#write(encodeWord(word), signal);
  }

  /** Undefined when the other side has ended. Rejects as the stream fails, and for what is no word. */
  async hear(): Promise<Heard | undefined> {
    let bytes = 0;
    let since: number | undefined;
    for (;;) {
      const { done, value } = await this.#incoming.next();
      if (done) return undefined;
      const said = decodeSaid(value);
      const now = performance.now();
      since ??= now;
      if (said.kind === "word") return { word: said.word, bytes, ms: now - since };
      bytes += said.bytes;
      this.bytesIn += said.bytes;
    }
  }

  /** Resolves to the word that is awaited. Rejects with "bad-frame" for any other, and "link-closed" when there is none. */
  async expect<S extends Word["say"]>(say: S): Promise<Heard & { readonly word: Extract<Word, { readonly say: S }> }> {
    const heard = await this.hear();
    if (heard === undefined) throw new FirefliesError("link-closed", "The other member ended the measurement.");
    if (heard.word.say !== say) throw new FirefliesError("bad-frame", `It said ${heard.word.say} instead of ${say}.`);
    return heard as Heard & { readonly word: Extract<Word, { readonly say: S }> };
  }

  /** Bytes for so long, as fast as the other side takes them. Rejects when the signal fires, or the stream fails. */
  async fill(seconds: number, signal: AbortSignal): Promise<{ readonly bytes: number; readonly ms: number }> {
    const began = performance.now();
    const until = began + seconds * 1_000;
    let bytes = 0;
    for (let now = began; now < until && !this.#stream.destroyed; now = performance.now()) {
      bytes += CHUNK.length;
      this.bytesOut += CHUNK.length;
      await this.#write(CHUNK, signal);
    }
    return { bytes, ms: performance.now() - began };
  }

  end(): void {
    this.#stream.end();
  }

  async #write(message: Uint8Array, signal: AbortSignal): Promise<void> {
    if (!this.#stream.write(message)) await once(this.#stream, "drain", { signal });
  }
}
