/** Two ends of a ByteDuplex in one process: what one writes the other reads, with the rules of transport.ts. */
import { Duplex } from "node:stream";
import { FirefliesError } from "../identity/index.js";

/** Objects held per direction and end before `write` says to wait. */
const MESSAGES_HELD = 2;

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

type Callback = (error?: Error | null) => void;

class PairedDuplex extends Duplex {
  other!: PairedDuplex;
  readonly #bytesMax: number;
  #unread: Callback | undefined;

  constructor(bytesMax: number) {
    super({ objectMode: true, highWaterMark: MESSAGES_HELD });
    this.#bytesMax = bytesMax;
    this.on("error", () => {}); // The port promises that a forgotten listener costs nobody the process.
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
export function duplexPair(bytesMax: number): readonly [Duplex, Duplex] {
  const [left, right] = [new PairedDuplex(bytesMax), new PairedDuplex(bytesMax)];
  left.other = right;
  right.other = left;
  return [left, right];
}

/** A duplex that could not be opened: it ends with `error` as any other would. */
export function failedDuplex(error: FirefliesError): Duplex {
  const duplex = new Duplex({ objectMode: true, read() {} });
  duplex.on("error", () => {});
  return duplex.destroy(error);
}
