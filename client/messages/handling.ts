/** One request from its arrival to its answer, at the member that answers it. */
import { type ErrorCode, FirefliesError, type MemberCertificate } from "../../identity/index.js";
import { extensionsBytes } from "../../rings/index.js";
import type { Tallies } from "../traffic/tallies.js";
import type { Tally } from "../traffic/tally.js";
import { type TraceContext, traceOf } from "../traffic/trace-context.js";
import type { Budget, Job, Share } from "./budget.js";
import { encodeContent, type RequestContent } from "./content.js";
import type { Pending } from "./deadlines.js";
import { SALT_BYTES } from "./frame.js";
import type { KeptLists } from "./kept-lists.js";
import { proofOf, type SignedFrame } from "./proof.js";
import type { RequestContext } from "./request-context.js";
import { serviceOf } from "./service.js";

/** What all requests of one link have in common. */
export interface HandlingHost {
  readonly peer: MemberCertificate;
  /** The lists that waiting requests keep. */
  readonly lists: KeptLists;
  ready(): boolean;
  start(handling: Handling): void;
}

/** Is what its handler is told of it. */
export class Handling implements Job, Pending, RequestContext {
  readonly request: RequestContent;
  readonly deadline: number;
  #service: string | undefined;
  readonly #host: HandlingHost;
  readonly #budget: Budget;
  readonly #share: Share;
  /** While it runs it may hold its frame: handlers at once are few. While it waits it holds list and salt only. */
  #message: Uint8Array | undefined;
  #frame: SignedFrame | undefined;
  #state: "new" | "waiting" | "running" | "done" = "new";
  #controller: AbortController | undefined;
  #reason: FirefliesError | undefined;
  #onLate: (() => void) | undefined;
  #tally: Tally | undefined;
  #since = 0;

  /** `message` begins with the salt; message and frame are what the request can be proven with. */
  constructor(
    host: HandlingHost,
    budget: Budget,
    share: Share,
    request: RequestContent,
    deadline: number,
    message: Uint8Array,
    frame: SignedFrame,
  ) {
    this.#host = host;
    this.#budget = budget;
    this.#share = share;
    this.request = request;
    this.deadline = deadline;
    this.#message = message;
    this.#frame = frame;
  }

  get from(): MemberCertificate {
    return this.#host.peer;
  }

  get service(): string | undefined {
    this.#service ??= serviceOf(this.request.extensions);
    return this.#service;
  }

  get trace(): TraceContext | undefined {
    return traceOf(this.request.extensions);
  }

  get bytes(): number {
    const { payload, extensions } = this.request;
    return payload.length + (extensions === undefined ? 0 : extensionsBytes(extensions));
  }

  /** Made when asked for: most handlers never look at it. */
  get signal(): AbortSignal {
    this.#controller ??= new AbortController();
    if (this.#reason !== undefined) this.#controller.abort(this.#reason);
    return this.#controller.signal;
  }

  /** Counts it as one that has come. `now`: by `performance.now()`. */
  count(tallies: Pick<Tallies, "of"> | undefined, now: number): void {
    if (tallies === undefined) return;
    this.#tally = tallies.of(this.service);
    this.#since = now;
    this.#tally.came(this.request.payload.length);
  }

  /** It ends, with an answer of this many bytes. */
  counted(code: string, bytes: number): void {
    if (this.#tally === undefined) return;
    this.#tally.bytesOut += bytes;
    this.#tally.ended(code, performance.now() - this.#since);
  }

  whenLate(listener: () => void): void {
    this.#onLate = listener;
  }

  /** Its time is over. */
  expire(): void {
    this.abort("handler-timeout");
    this.#onLate?.();
  }

  /** Made when asked for, too. Throws "proof-unavailable" when it is done, or its data are no longer what came. */
  get prove(): () => Uint8Array {
    return () => this.#prove();
  }

  #prove(): Uint8Array {
    if (this.#message === undefined || this.#frame === undefined) throw new FirefliesError("proof-unavailable");
    const message = encodeContent(this.request, SALT_BYTES);
    message.set(this.#message.subarray(0, SALT_BYTES));
    return proofOf(this.#frame, message);
  }

  /** Its handler has been called, and has not answered. */
  get isRunning(): boolean {
    return this.#state === "running";
  }

  ready(): boolean {
    return this.#host.ready();
  }

  /** It was handed to the budget; false when it waits now and its link may not let more wait. */
  settle(): boolean {
    if (this.#state !== "new") return true;
    if (!this.#host.lists.keep(this.#frame!)) return false;
    this.#state = "waiting";
    this.#message = this.#message!.slice(0, SALT_BYTES);
    return true;
  }

  start(): void {
    this.#stopWaiting();
    this.#state = "running";
    this.#host.start(this);
  }

  free(): void {
    const wasRunning = this.#state === "running";
    this.#stopWaiting();
    this.#state = "done";
    this.#message = undefined;
    this.#frame = undefined;
    if (wasRunning) this.#budget.release(this.#share);
    else this.#budget.withdraw(this.#share, this);
  }

  abort(code: ErrorCode): void {
    this.#reason = new FirefliesError(code);
    this.#controller?.abort(this.#reason);
  }

  #stopWaiting(): void {
    if (this.#state === "waiting") this.#host.lists.release(this.#frame!);
  }
}
