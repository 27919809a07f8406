/** Calls of `publish` that wait until others have taken enough of what was published before: in their order, and bounded. */
import { FirefliesError } from "../../identity/index.js";

/** Bytes of messages that wait, each copied; a program that goes on publishing is refused then. */
const WAITING_BYTES_MAX = 16 * 1024 * 1024;
/** Messages that wait. */
const WAITING_MAX = 65_536;

interface Waiting {
  readonly bytes: number;
  /** False when there is no room for it either. Throws what the program got wrong. */
  readonly publish: () => boolean;
  readonly reject: (error: Error) => void;
  readonly timer: NodeJS.Timeout;
}

export class Room {
  readonly #waiting = new Set<Waiting>();
  #bytes = 0;

  /** Somebody waits: who comes now comes behind. */
  get isAwaited(): boolean {
    return this.#waiting.size > 0;
  }

  get size(): number {
    return this.#waiting.size;
  }

  /** Throws "overloaded" when too many wait. Returns how to give up. */
  wait({ bytes, publish, reject, timeoutMs }: Omit<Waiting, "timer"> & { readonly timeoutMs: number }) {
    if (this.#waiting.size >= WAITING_MAX || this.#bytes + bytes > WAITING_BYTES_MAX) throw full();
    const late = () => {
      this.#drop(waiting);
      reject(full());
    };
    const waiting: Waiting = { bytes, publish, reject, timer: setTimeout(late, timeoutMs) };
    this.#waiting.add(waiting);
    this.#bytes += bytes;
    return (error: Error) => {
      if (this.#drop(waiting)) reject(error);
    };
  }

  /** There is some. */
  opened(): void {
    for (const waiting of this.#waiting) {
      try {
        if (!waiting.publish()) return;
      } catch (error) {
        waiting.reject(error as Error);
      }
      this.#drop(waiting);
    }
  }

  /** How many were cut. */
  cut(error: Error): number {
    const { size } = this.#waiting;
    for (const waiting of [...this.#waiting]) {
      this.#drop(waiting);
      waiting.reject(error);
    }
    return size;
  }

  #drop(waiting: Waiting): boolean {
    clearTimeout(waiting.timer);
    if (!this.#waiting.delete(waiting)) return false;
    this.#bytes -= waiting.bytes;
    return true;
  }
}

export function full(): FirefliesError {
  return new FirefliesError(
    "overloaded",
    "What this member has published and others have not taken yet fills its share of memory.",
    { advice: "Publish less, await publish(), or allow more retention." },
  );
}
