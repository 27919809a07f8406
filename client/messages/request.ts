/** One request from its call to its answer, at the member that asks. */
import { FirefliesError } from "../../identity/index.js";
import { onAbort, TIMER_MS_MAX } from "../../net/index.js";
import { EXTENSIONS_BYTES_MAX, type Extension, extensionsBytes } from "../../rings/index.js";
import { codeOf, type Tally } from "../traffic/tally.js";
import { traceExtension } from "../traffic/trace-context.js";
import { type Again, againExtension } from "./again.js";
import type { Content, RequestKind } from "./content.js";
import type { Pending } from "./deadlines.js";
import { serviceExtension } from "./service.js";

export interface RequestOptions {
  readonly signal?: AbortSignal | undefined;
  readonly timeoutMs: number;
  /** That is asked; the nameless one when it is left out. */
  readonly service?: string | undefined;
  /** Where it belongs in a trace, as `traceText` has it; empty for nowhere. */
  readonly trace?: string | undefined;
  /**
   * Told how the answer, also an error of the peer's, is proven, right before the promise settles; what it throws is the
   * request's failure. Who keeps `prove` keeps the whole frame.
   */
  readonly onAnswer?: ((prove: () => Uint8Array) => void) | undefined;
  /** Where it is counted: as one that has begun. */
  readonly tally?: Tally | undefined;
  /** When it was asked for, by `performance.now()`, if that was before there was a session. */
  readonly since?: number | undefined;
}

export class Request implements Pending {
  id = 0;
  readonly deadline: number;
  readonly timeoutMs: number;
  readonly onAnswer: RequestOptions["onAnswer"];
  readonly signal: AbortSignal | undefined;
  readonly #service: Extension | undefined;
  readonly #trace: Extension | undefined;
  #tally: Tally | undefined;
  readonly #since: number;
  readonly #resolve: (reply: Uint8Array) => void;
  readonly #reject: (error: unknown) => void;
  /** The links that it has lost, the first one first. */
  readonly lost: Again[] = [];
  /** How often another link was looked for. */
  askedAgain = 0;
  #unwatch: (() => void) | undefined;

  constructor(
    readonly kind: RequestKind,
    readonly payload: Uint8Array,
    { timeoutMs, onAnswer, signal, service, trace, tally, since }: RequestOptions,
    now: number,
    resolve: (reply: Uint8Array) => void,
    reject: (error: unknown) => void,
  ) {
    this.#tally = tally;
    this.#since = since ?? now;
    this.#resolve = resolve;
    this.#reject = reject;
    this.timeoutMs = timeoutMs;
    this.deadline = now + timeoutMs;
    this.onAnswer = onAnswer;
    this.signal = signal;
    this.#service = service === undefined ? undefined : serviceExtension(service);
    this.#trace = trace ? traceExtension(trace) : undefined;
  }

  get bytes(): number {
    return this.payload.length;
  }

  /** It has gone over no link on which the called side had said hello. */
  get isUngreeted(): boolean {
    return this.lost.every(({ begunAt }) => begunAt !== undefined);
  }

  /** `at`: when the answer came, by `performance.now()`. */
  resolve(reply: Uint8Array, at: number): void {
    const tally = this.#tally;
    if (tally) {
      tally.bytesIn += reply.length;
      tally.succeeded(at - this.#since);
      this.#tally = undefined;
    }
    this.#resolve(reply);
  }

  reject(error: unknown): void {
    this.#tally?.failed(codeOf(error), performance.now() - this.#since);
    this.#tally = undefined; // What is rejected by the program's own callback is answered nevertheless.
    this.#reject(error);
  }

  watch(giveUp: (error: FirefliesError) => void): void {
    if (this.signal) this.#unwatch = onAbort(this.signal, () => giveUp(new FirefliesError("cancelled")));
  }

  unwatch(): void {
    this.#unwatch?.();
  }

  /** With what is left of its time. `greetedAt`: of the link that it goes over; one that has lost a link waits for that. */
  content(now: number, greetedAt = Number.POSITIVE_INFINITY): Content {
    const left = Math.max(1, Math.ceil(this.deadline - now));
    const { kind, id, payload, lost } = this;
    const deadlineMs = Math.min(left, TIMER_MS_MAX);
    if (lost.length === 0 && this.#service === undefined && this.#trace === undefined)
      return { kind, id, deadlineMs, payload };
    const again = lost.length === 0 ? [] : [againExtension(lost, greetedAt)];
    return {
      kind,
      id,
      deadlineMs,
      payload,
      extensions: this.#withTrace(this.#service ? [...again, this.#service] : again),
    };
  }

  /** A trace goes along where there is room: lost links come first. */
  #withTrace(extensions: readonly Extension[]): readonly Extension[] {
    if (this.#trace === undefined) return extensions;
    const all = [...extensions, this.#trace];
    return extensionsBytes(all) <= EXTENSIONS_BYTES_MAX ? all : extensions;
  }
}
