/** Flows of datagrams by their source: few at once, each over when it is silent. What they are is their user's. */

interface Entry<F> {
  readonly flow: F;
  lastAt: number;
}

export interface FlowsOptions<F> {
  readonly max: number;
  readonly idleMs: number;
  /** Monotonic milliseconds. */
  readonly now: () => number;
  /** A flow is over: it was silent, another one needs its place, or all are. */
  readonly onOver: (flow: F) => void;
}

export class Flows<F> {
  /** The one used least recently first. */
  readonly #flows = new Map<string, Entry<F>>();
  readonly #options: FlowsOptions<F>;

  constructor(options: FlowsOptions<F>) {
    this.#options = options;
  }

  get size(): number {
    return this.#flows.size;
  }

  /** The flow of this source, made if there is none. It is in use now. */
  use(source: string, make: () => F): F {
    const entry = this.#flows.get(source) ?? { flow: make(), lastAt: 0 };
    this.#flows.delete(source);
    this.#flows.set(source, entry);
    entry.lastAt = this.#options.now();
    if (this.#flows.size > this.#options.max) this.#end(this.#flows.keys().next().value as string);
    return entry.flow;
  }

  /** It is no longer counted, and nobody is told. */
  forget(source: string, flow: F): void {
    if (this.#flows.get(source)?.flow === flow) this.#flows.delete(source);
  }

  /** Ends those that were silent for too long. */
  sweep(): void {
    const before = this.#options.now() - this.#options.idleMs;
    for (const [source, { lastAt }] of [...this.#flows]) {
      if (lastAt > before) return;
      this.#end(source);
    }
  }

  close(): void {
    for (const source of [...this.#flows.keys()]) this.#end(source);
  }

  #end(source: string): void {
    const entry = this.#flows.get(source);
    this.#flows.delete(source);
    if (entry !== undefined) this.#options.onOver(entry.flow);
  }
}
