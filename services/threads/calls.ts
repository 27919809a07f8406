/** Calls in both directions between two ends: each has a deadline, how many wait is bounded, and all end when the other end does. */
import { FirefliesError } from "../../identity/index.js";
import { onAbort } from "../../net/abort.js";
import type { Line } from "./line.js";
import { type Answer, type Call, type Cancel, errorOf, plainError } from "./wire.js";

/** Calls of one end that wait for the other: what a thread that does not run may hold here. */
export const CALLS_MAX = 1_024;
/** Bytes of their arguments. */
export const CALLS_BYTES_MAX = 64 * 1024 * 1024;

export interface CallOptions {
  /** Milliseconds; without it the call ends with its signal or the line. */
  readonly timeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Of its argument. */
  readonly bytes?: number | undefined;
  /** Of the two ends, not of the program: there are few at a time, and they are never refused. */
  readonly isOwn?: boolean | undefined;
}

/** Does what the other end asks for. */
export type Handle = (name: string, argument: never, signal: AbortSignal) => unknown;

interface Waiting {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
}

export class Calls {
  readonly #line: Line;
  readonly #handle: Handle;
  readonly #waiting = new Map<number, Waiting>();
  readonly #running = new Map<number, AbortController>();
  #bytes = 0;
  #next = 0;
  #ended: FirefliesError | undefined;

  constructor(line: Line, handle: Handle) {
    this.#line = line;
    this.#handle = handle;
  }

  /** Rejects with what the other end threw, "overloaded", "timeout", "cancelled" and "link-closed". */
  async call(
    name: string,
    argument: unknown,
    { timeoutMs, signal, bytes = 0, isOwn = false }: CallOptions = {},
  ): Promise<unknown> {
    if (this.#ended) throw this.#ended;
    if (signal?.aborted) throw new FirefliesError("cancelled", undefined, { cause: signal.reason });
    if (!isOwn && (this.#waiting.size >= CALLS_MAX || this.#bytes + bytes > CALLS_BYTES_MAX))
      throw new FirefliesError("overloaded", "Too many calls wait for the other thread.", {
        advice: "Await some first.",
      });
    const id = this.#next++;
    let timer: NodeJS.Timeout | undefined;
    let unwatch = () => {};
    this.#bytes += bytes;
    try {
      return await new Promise((resolve, reject) => {
        this.#waiting.set(id, { resolve, reject });
        const giveUp = (error: FirefliesError) => {
          reject(error);
          this.#line.post({ kind: "cancel", id } as Cancel);
        };
        if (timeoutMs !== undefined) {
          const late = () => giveUp(new FirefliesError("timeout", "The other thread has not answered in time."));
          timer = setTimeout(late, timeoutMs).unref();
        }
        unwatch = onAbort(signal, () => giveUp(new FirefliesError("cancelled", undefined, { cause: signal?.reason })));
        this.#line.post({ kind: "call", id, name, argument } as Call);
      });
    } finally {
      clearTimeout(timer);
      unwatch();
      this.#waiting.delete(id);
      this.#bytes -= bytes;
    }
  }

  take(said: Call | Answer | Cancel): void {
    if (said.kind === "call") void this.#run(said);
    else if (said.kind === "cancel") this.#running.get(said.id)?.abort();
    else if (said.error) this.#waiting.get(said.id)?.reject(errorOf(said.error));
    else this.#waiting.get(said.id)?.resolve(said.value);
  }

  /** Nothing more comes from the other end, and it is told nothing more. */
  end(error: FirefliesError): void {
    this.#ended ??= error;
    for (const { reject } of [...this.#waiting.values()]) reject(error);
    for (const running of [...this.#running.values()]) running.abort(error);
  }

  async #run({ id, name, argument }: Call): Promise<void> {
    const running = new AbortController();
    this.#running.set(id, running);
    try {
      const value = await this.#handle(name, argument as never, running.signal);
      this.#line.post({ kind: "answer", id, value } as Answer);
    } catch (error) {
      this.#line.post({ kind: "answer", id, error: plainError(error) } as Answer);
    } finally {
      this.#running.delete(id);
    }
  }
}
