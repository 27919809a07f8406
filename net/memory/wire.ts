/**
 * The two ends of a connection within one process: what one writes the other reads, asynchronously, after the time that
 * the path between takes. Streams lose nothing: what a path would lose comes later, as TCP would send it again.
 */
import { Duplex } from "node:stream";
import { NEVER_SLOW, type PathState } from "./path.js";

/** Bytes that either end holds in each direction before a write waits. */
const BUFFER_BYTES = 64 * 1024;
/** Bytes under way on a path that takes time: with less a write would wait a whole way for each buffer. */
const WINDOW_BYTES = 1024 * 1024;

type Done = (error?: Error | null) => void;

/** What crosses, in order. */
type Crossing =
  | { readonly kind: "bytes"; readonly bytes: Uint8Array; readonly due: number }
  | { readonly kind: "end"; readonly due: number }
  | { readonly kind: "cut"; readonly due: number };

/** When something may arrive: undefined while nothing does. */
type PathOf = () => PathState | undefined;

export class MemoryDuplex extends Duplex {
  other!: MemoryDuplex;
  bytesRead = 0;
  readonly #path: PathOf;
  #crossing: Crossing[] = [];
  #crossingBytes = 0;
  #waiting: Done | undefined;
  #isScheduled = false;
  #hasEnded = false;
  #isFull = false;

  constructor(path: PathOf) {
    super({ highWaterMark: BUFFER_BYTES });
    this.#path = path;
    this.on("error", () => {}); // As of every connection: "close" follows.
  }

  override _write(chunk: Uint8Array, _encoding: string, done: Done): void {
    const bytes = new Uint8Array(chunk); // As a wire would make.
    this.#crossingBytes += bytes.length;
    this.#cross({ kind: "bytes", bytes, due: this.#due(bytes.length) });
    if (this.#crossingBytes < this.#window) done();
    else this.#waiting = done;
  }

  override _final(done: Done): void {
    this.#end();
    done();
  }

  override _read(): void {
    this.#isFull = false;
    this.other.#schedule();
  }

  /** After an end of its own the other side only reads that; before it, and with an error, it is cut. */
  override _destroy(error: Error | null, done: Done): void {
    this.#waiting = undefined;
    if (error === null && this.writableEnded) this.#end();
    else if (!this.#hasEnded || error !== null) this.#cross({ kind: "cut", due: this.#due(0) });
    this.other.#schedule(); // What still comes to this end is answered with a cut.
    done(error);
  }

  /** The path may be open again. */
  resumeWire(): void {
    this.#schedule();
  }

  get #window(): number {
    return (this.#path() ?? NEVER_SLOW).isInstant ? BUFFER_BYTES : WINDOW_BYTES;
  }

  #due(bytes: number): number {
    return (this.#path() ?? NEVER_SLOW).due(this, bytes);
  }

  #end(): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#cross({ kind: "end", due: this.#due(0) });
  }

  #cross(crossing: Crossing): void {
    this.#crossing.push(crossing);
    this.#schedule();
  }

  /**
   * Never within the write: http2 in Node 20 and 22 aborts the process when an answer comes before its write returns.
   */
  #schedule(): void {
    const [first] = this.#crossing;
    if (this.#isScheduled || first === undefined || !this.#mayArrive) return;
    this.#isScheduled = true;
    const waitMs = first.due - performance.now();
    const arrive = () => {
      this.#isScheduled = false;
      this.#arrive();
      this.#schedule();
    };
    if (waitMs <= 0) setImmediate(arrive);
    else setTimeout(arrive, Math.ceil(waitMs));
  }

  get #mayArrive(): boolean {
    return this.#path() !== undefined && (this.destroyed || !this.other.#isFull);
  }

  #arrive(): void {
    const now = performance.now();
    for (let next = this.#crossing[0]; next !== undefined && next.due <= now && this.#mayArrive; ) {
      this.#crossing.shift();
      if (next.kind === "bytes") this.#crossingBytes -= next.bytes.length;
      this.other.#receive(next);
      next = this.#crossing[0];
    }
    const done = this.#waiting;
    if (done === undefined || this.#crossingBytes >= this.#window) return;
    this.#waiting = undefined;
    done();
  }

  #receive(crossing: Crossing): void {
    if (crossing.kind === "cut") return void this.destroy(cutError());
    if (this.destroyed) {
      // As a system answers what comes to nobody.
      if (crossing.kind === "bytes" && !this.other.destroyed) this.other.destroy(cutError());
    } else if (crossing.kind === "end") {
      this.push(null);
    } else {
      this.bytesRead += crossing.bytes.length;
      this.#isFull = !this.push(crossing.bytes);
    }
  }
}

/** As TCP reports a reset. */
export function cutError(): Error {
  return Object.assign(new Error("The other side cut the connection."), { code: "ECONNRESET" });
}

/** Two ends of a connection. How what each of them writes travels now; undefined while nothing arrives. */
export function duplexPair(
  ofLeft: PathOf = () => NEVER_SLOW,
  ofRight: PathOf = ofLeft,
): readonly [MemoryDuplex, MemoryDuplex] {
  const [left, right] = [new MemoryDuplex(ofLeft), new MemoryDuplex(ofRight)];
  left.other = right;
  right.other = left;
  return [left, right];
}
