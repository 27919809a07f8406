/** Two ends of a ByteDuplex in one process: what one writes the other reads, with the rules of net/session/session.ts. */
import type { ByteDuplex } from "../../net/index.js";
import { chunkProblem, MessageDuplex, resetError } from "../../net/session/message-duplex.js";

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
    if (!inOrder) queueMicrotask(() => this.other.destroy(resetError(error)));
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
