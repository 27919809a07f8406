/**
 * One timer for the deadlines of many requests: of a hundred thousand requests hardly one expires, and a timer for each
 * would cost more than its frame's share of a signature.
 */
import { TIMER_MS_MAX } from "../../net/index.js";

/**
 * Milliseconds without a look, for each request that was looked at: a look takes about a thirtieth of that, so the looks
 * take little however many deadlines lie close together. A thousand requests expire a millisecond late at most.
 */
const REST_MS_PER_REQUEST = 0.001;

export interface Pending {
  /** By `performance.now()`, milliseconds. */
  readonly deadline: number;
}

export class Deadlines<Request extends Pending> {
  readonly #pending: () => readonly Request[];
  readonly #expire: (request: Request) => void;
  #timer: NodeJS.Timeout | undefined;
  /** When the timer fires. */
  #due = Number.POSITIVE_INFINITY;

  /** `pending` are all that may expire, `expire` ends one of them. */
  constructor(pending: () => readonly Request[], expire: (request: Request) => void) {
    this.#pending = pending;
    this.#expire = expire;
  }

  /** A request with this deadline is pending from now on. */
  watch(deadline: number): void {
    if (deadline < this.#due) this.#lookAt(deadline, performance.now());
  }

  /** Nothing is pending any more: no timer is left. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#due = Number.POSITIVE_INFINITY;
  }

  #lookAt(due: number, now: number): void {
    clearTimeout(this.#timer);
    this.#due = due;
    this.#timer = setTimeout(() => this.#look(), Math.min(Math.ceil(due - now), TIMER_MS_MAX));
  }

  #look(): void {
    const now = performance.now();
    this.stop();
    for (const request of this.#pending()) if (request.deadline <= now) this.#expire(request);
    const left = this.#pending();
    let next = Number.POSITIVE_INFINITY;
    for (const { deadline } of left) next = Math.min(next, deadline);
    if (next < this.#due) this.#lookAt(Math.max(next, now + left.length * REST_MS_PER_REQUEST), now);
  }
}
