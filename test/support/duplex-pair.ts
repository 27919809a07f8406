/** Two ends of a ByteDuplex in one process: what one writes the other reads, with the rules of net/session/session.ts. */
import { Duplex } from "node:stream";
import { FirefliesError, ReplyError } from "../../identity/index.js";
import type { ByteDuplex } from "../../net/index.js";
import { chunkProblem } from "../../net/session/duplex.js";

/** Messages held per direction and end before `write` says to wait. */
const MESSAGES_HELD = 2;

abstract class MessageDuplex extends Duplex {
  giveUp(error: FirefliesError): void {
    this.destroy(error);
  }

  constructor() {
    super({ objectMode: true, highWaterMark: MESSAGES_HELD });
    this.on("error", () => {}); // Promised by ByteDuplex: that a forgotten listener costs nobody the process.
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

type Callback = (error?: Error | null) => void;

class PairedDuplex extends MessageDuplex {
  other!: PairedDuplex;
  readonly #bytesMax: number;
  #unread: Callback | undefined;

  constructor(bytesMax: number) {
    super();
    this.#bytesMax = bytesMax;
  }

  override _write(chunk: unknown, _encoding: string, done: Callback): void {
    const problem = chunkProblem(chunk, this.#bytesMax);
    if (problem !== undefined) done(problem);
    else this.#send(new Uint8Array(chunk as Uint8Array), done); // A copy, as a wire would make.
  }

  #send(chunk: Uint8Array, done: Callback): void {
    queueMicrotask(() => this.other.#receive(chunk, done));
  }

  #receive(chunk: Uint8Array, done: Callback): void {
    if (this.destroyed || this.push(chunk)) done();
    else this.#unread = done;
  }

  override _read(): void {
    const done = this.#unread;
    this.#unread = undefined;
    done?.();
  }

  override _final(done: Callback): void {
    queueMicrotask(() => {
      if (!this.other.destroyed) this.other.push(null);
      done();
    });
  }

  override _destroy(error: Error | null, done: Callback): void {
    this._read();
    const inOrder = error === null && this.readableEnded && this.writableFinished;
    if (!inOrder)
      queueMicrotask(() =>
        this.other.destroy(
          error instanceof FirefliesError || error instanceof ReplyError ? error : new FirefliesError("stream-reset"),
        ),
      );
    done(error);
  }
}

/** The two ends. No message may have more than `bytesMax` bytes. */
export function duplexPair(bytesMax: number): readonly [ByteDuplex, ByteDuplex] {
  const [left, right] = [new PairedDuplex(bytesMax), new PairedDuplex(bytesMax)];
  left.other = right;
  right.other = left;
  return [left, right];
}
