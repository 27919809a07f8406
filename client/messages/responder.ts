/** The answering end of a link's messages: requests in, handlers run within a budget, answers out. */
import { type ErrorCode, FirefliesError, type MemberCertificate } from "../../identity/index.js";
import { ERROR_TEXT_MAX, errorText } from "../guard.js";
import { MESSAGE_BYTES_MAX } from "../transport.js";
import type { Budget, Job } from "./budget.js";
import type { Content, RequestKind } from "./content.js";
import { tooLarge } from "./requester.js";
import { FrameSession, type SessionOptions } from "./session.js";

/** How long a handler may take, in milliseconds, however patient its caller is. */
const HANDLER_TIMEOUT_MS = 30_000;
/** Bytes of answers that may wait for a peer to read them; beyond, no further handler is started for it. */
const ANSWERS_WAITING_BYTES = 8 * 1024 * 1024;
/** Codes that a dispatcher may give a caller; any other failure is the handler's. */
const DISPATCH_CODES: ReadonlySet<ErrorCode> = new Set([
  "handler-missing",
  "peer-refused",
  "peer-removed",
  "overloaded",
]);

export interface RequestContext {
  readonly from: MemberCertificate;
  /** Fires when the answer is no longer wanted: cancelled, too late, or the link is gone. */
  readonly signal: AbortSignal;
}

/** Answers a request; undefined is an empty answer. The text of what it throws reaches the caller as "handler-failed". */
export type Dispatch = (
  kind: RequestKind,
  payload: Uint8Array,
  context: RequestContext,
) => Promise<Uint8Array | undefined> | Uint8Array | undefined;

export interface ResponderOptions extends Pick<SessionOptions, "duplex" | "identity" | "peer" | "refusal"> {
  readonly dispatch: Dispatch;
  /** Shared by all links of a client. */
  readonly budgets: Readonly<Record<RequestKind, Budget>>;
  readonly messageBytesMax?: number | undefined;
  readonly handlerTimeoutMs?: number | undefined;
  readonly onEnd?: ((error: FirefliesError) => void) | undefined;
}

export class Responder {
  readonly #options: Required<Pick<ResponderOptions, "dispatch" | "budgets" | "peer">>;
  readonly #session: FrameSession;
  readonly #messageBytesMax: number;
  readonly #handlerTimeoutMs: number;
  readonly #open = new Map<number, Handling>();
  #lastId = 0;

  constructor(options: ResponderOptions) {
    this.#options = options;
    this.#messageBytesMax = options.messageBytesMax ?? MESSAGE_BYTES_MAX;
    this.#handlerTimeoutMs = options.handlerTimeoutMs ?? HANDLER_TIMEOUT_MS;
    const { duplex, identity, peer, refusal } = options;
    this.#session = new FrameSession({
      ...{ duplex, identity, peer, refusal, caller: false },
      onContent: (content) => this.#onContent(content),
      onEnd: (error) => {
        this.#abandonAll();
        options.onEnd?.(error);
      },
      onRoom: () => this.#resume(),
    });
  }

  /** Requests that wait or run. */
  get open(): number {
    return this.#open.size;
  }

  close(error = new FirefliesError("link-closed")): void {
    this.#session.end(error);
  }

  #onContent(content: Content): boolean {
    if (content.kind === "cancel") return this.#onCancel(content.id);
    if (content.kind === "reply" || content.kind === "error" || content.id <= this.#lastId) return false;
    this.#lastId = content.id;
    if (content.payload.length > this.#messageBytesMax) {
      this.#answerError(content.id, tooLarge(content.payload.length, this.#messageBytesMax));
    } else {
      this.#accept(content.kind, content.id, content.payload, content.deadlineMs);
    }
    return true;
  }

  #accept(kind: RequestKind, id: number, payload: Uint8Array, deadlineMs: number): void {
    const budget = this.#options.budgets[kind];
    // A copy: a request that waits must not hold a whole frame in memory.
    const handling = new Handling(budget, new Uint8Array(payload), {
      ready: () => this.#session.queuedBytes < ANSWERS_WAITING_BYTES,
      start: (self) => this.#run(kind, id, self),
      expire: (self) => this.#onExpired(id, self),
    });
    this.#open.set(id, handling);
    handling.startTimer(Math.min(deadlineMs, this.#handlerTimeoutMs));
    if (budget.submit(this.#options.peer.id, handling)) return;
    this.#close(id, handling);
    this.#answerError(
      id,
      new FirefliesError("overloaded", "The member has too many requests waiting. Slow down and try again."),
    );
  }

  async #run(kind: RequestKind, id: number, handling: Handling): Promise<void> {
    try {
      const reply = await this.#options.dispatch(kind, handling.payload, this.#context(handling));
      if (this.#close(id, handling)) this.#answer(id, reply);
    } catch (error) {
      if (this.#close(id, handling)) this.#answerError(id, error);
    }
  }

  #context(handling: Handling): RequestContext {
    const { peer } = this.#options;
    return {
      from: peer,
      get signal() {
        return handling.signal;
      },
    };
  }

  #answer(id: number, reply: unknown): void {
    const payload = reply ?? EMPTY;
    if (!(payload instanceof Uint8Array)) {
      this.#answerError(id, new TypeError("The handler's reply is not a Uint8Array."));
    } else if (payload.length > this.#messageBytesMax) {
      this.#session.send(errorContent(id, tooLarge(payload.length, this.#messageBytesMax), "message-too-large"));
    } else {
      this.#session.send({ kind: "reply", id, payload });
    }
  }

  #answerError(id: number, error: unknown): void {
    const own =
      error instanceof FirefliesError && (DISPATCH_CODES.has(error.code) || error.code === "message-too-large");
    this.#session.send(errorContent(id, error, own ? error.code : "handler-failed"));
  }

  #onExpired(id: number, handling: Handling): void {
    if (!this.#close(id, handling)) return;
    const text = "The handler did not finish in time. Allow more time, or see why it waits.";
    this.#session.send(errorContent(id, text, "handler-timeout"));
    handling.abort("handler-timeout");
  }

  #onCancel(id: number): boolean {
    const handling = this.#open.get(id);
    if (handling === undefined) return id <= this.#lastId;
    this.#close(id, handling);
    handling.abort("cancelled");
    return true;
  }

  /** Frees its slot or its place in the queue; false when that was done already. */
  #close(id: number, handling: Handling): boolean {
    if (!this.#open.delete(id)) return false;
    handling.free(this.#options.peer);
    return true;
  }

  #abandonAll(): void {
    for (const [id, handling] of [...this.#open]) {
      this.#close(id, handling);
      handling.abort("link-closed");
    }
  }

  #resume(): void {
    for (const budget of Object.values(this.#options.budgets)) budget.resume();
  }
}

const EMPTY = new Uint8Array(0);

function errorContent(id: number, error: unknown, code: ErrorCode): Content {
  return { kind: "error", id, code, text: errorText(error).slice(0, ERROR_TEXT_MAX) };
}

interface HandlingHooks {
  ready(): boolean;
  start(handling: Handling): void;
  expire(handling: Handling): void;
}

/** One request from its arrival to its answer. */
class Handling implements Job {
  readonly #budget: Budget;
  readonly #hooks: HandlingHooks;
  #timer: NodeJS.Timeout | undefined;
  #running = false;
  #controller: AbortController | undefined;
  #reason: FirefliesError | undefined;

  constructor(
    budget: Budget,
    readonly payload: Uint8Array,
    hooks: HandlingHooks,
  ) {
    this.#budget = budget;
    this.#hooks = hooks;
  }

  get bytes(): number {
    return this.payload.length;
  }

  /** Made when asked for: most handlers never look at it. */
  get signal(): AbortSignal {
    this.#controller ??= new AbortController();
    if (this.#reason !== undefined) this.#controller.abort(this.#reason);
    return this.#controller.signal;
  }

  ready(): boolean {
    return this.#hooks.ready();
  }

  start(): void {
    this.#running = true;
    this.#hooks.start(this);
  }

  startTimer(ms: number): void {
    this.#timer = setTimeout(() => this.#hooks.expire(this), ms);
  }

  free(peer: MemberCertificate): void {
    clearTimeout(this.#timer);
    if (this.#running) this.#budget.release();
    else this.#budget.withdraw(peer.id, this);
  }

  abort(code: ErrorCode): void {
    this.#reason = new FirefliesError(code);
    this.#controller?.abort(this.#reason);
  }
}
