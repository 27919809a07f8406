/** One request from its arrival to its answer, at the member that answers it. */
import { type ErrorCode, FirefliesError, type MemberCertificate } from "../../identity/index.js";
import type { Budget, Job } from "./budget.js";
import { encodeContent, type RequestContent } from "./content.js";
import { SALT_BYTES } from "./frame.js";
import type { KeptLists } from "./kept-lists.js";
import { proofOf, type SignedFrame } from "./proof.js";

interface HandlingHooks {
  ready(): boolean;
  start(handling: Handling): void;
  expire(handling: Handling): void;
}

/** What a request can be proven with. */
interface Source {
  /** Begins with the salt. */
  readonly message: Uint8Array;
  readonly frame: SignedFrame;
  readonly lists: KeptLists;
}

export class Handling implements Job {
  readonly request: RequestContent;
  readonly #budget: Budget;
  readonly #hooks: HandlingHooks;
  /** While it runs it may hold its frame: handlers at once are few. While it waits it holds list and salt only. */
  #source: Source | undefined;
  #timer: NodeJS.Timeout | undefined;
  #state: "new" | "waiting" | "running" | "done" = "new";
  #controller: AbortController | undefined;
  #reason: FirefliesError | undefined;

  constructor(budget: Budget, request: RequestContent, source: Source, hooks: HandlingHooks) {
    this.request = request;
    this.#budget = budget;
    this.#source = source;
    this.#hooks = hooks;
  }

  get bytes(): number {
    return this.request.payload.length;
  }

  /** Made when asked for: most handlers never look at it. */
  get signal(): AbortSignal {
    this.#controller ??= new AbortController();
    if (this.#reason !== undefined) this.#controller.abort(this.#reason);
    return this.#controller.signal;
  }

  /** Made when asked for, too. Throws "proof-unavailable" when it is done, or its data are no longer what came. */
  prove(): Uint8Array {
    if (this.#source === undefined) throw new FirefliesError("proof-unavailable");
    const message = encodeContent(this.request, SALT_BYTES);
    message.set(this.#source.message.subarray(0, SALT_BYTES));
    return proofOf(this.#source.frame, message);
  }

  ready(): boolean {
    return this.#hooks.ready();
  }

  /** It was handed to the budget; false when it waits now and its link may not let more wait. */
  settle(): boolean {
    if (this.#state !== "new") return true;
    const { message, frame, lists } = this.#source!;
    if (!lists.keep(frame)) return false;
    this.#state = "waiting";
    this.#source = { message: message.slice(0, SALT_BYTES), frame, lists };
    return true;
  }

  start(): void {
    this.#stopWaiting();
    this.#state = "running";
    this.#hooks.start(this);
  }

  startTimer(ms: number): void {
    this.#timer = setTimeout(() => this.#hooks.expire(this), ms);
  }

  free(peer: MemberCertificate): void {
    clearTimeout(this.#timer);
    const wasRunning = this.#state === "running";
    this.#stopWaiting();
    this.#state = "done";
    this.#source = undefined;
    if (wasRunning) this.#budget.release();
    else this.#budget.withdraw(peer.id, this);
  }

  abort(code: ErrorCode): void {
    this.#reason = new FirefliesError(code);
    this.#controller?.abort(this.#reason);
  }

  #stopWaiting(): void {
    if (this.#state === "waiting") this.#source?.lists.release(this.#source.frame);
  }
}
